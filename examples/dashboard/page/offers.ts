// What whoever runs the dashboard has configured, as the build of the page was told (page-files.ts).

declare const OFFERS_DISCORD: boolean;

export const offersDiscord: boolean = OFFERS_DISCORD;
