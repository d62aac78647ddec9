// The committed example and an environment that satisfies it, also for processes of their own, where there is no test runner.

export const exampleFile = new URL("../../cambio.example.yaml", import.meta.url);

export const environment: Readonly<Record<string, string>> = {
  CAMBIO_SEALING_KEY: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
  CAMBIO_CLIENT_SECRET: "secret-of-main-provider",
  CORPORATE_CLIENT_SECRET: "secret-of-corporate-provider",
  ORDERS_SECRET: "secret-of-the-orders-service",
  BACKEND_SECRET: "secret-of-the-backend-service",
};
