// A resource server in Java: Nimbus JOSE + JWT and the published keys.
// Arguments: algorithm, JWKS URL, issuer, audience; the token on standard input.

import static java.nio.charset.StandardCharsets.UTF_8;

import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import java.net.URI;
import java.util.Set;

final class Verify {
  public static void main(String[] args) throws Exception {
    String token = new String(System.in.readAllBytes(), UTF_8).strip();
    var keys = JWKSourceBuilder.<SecurityContext>create(URI.create(args[1]).toURL()).build();
    var processor = new DefaultJWTProcessor<SecurityContext>();
    processor.setJWSTypeVerifier(new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("at+jwt")));
    processor.setJWSKeySelector(new JWSVerificationKeySelector<>(JWSAlgorithm.parse(args[0]), keys));
    var expected = new JWTClaimsSet.Builder().issuer(args[2]).build();
    processor.setJWTClaimsSetVerifier(new DefaultJWTClaimsVerifier<>(args[3], expected, Set.of("sub", "exp", "iat", "jti", "client_id")));
    System.out.println(processor.process(token, null).getSubject());
    // The key source has threads of its own.
    System.exit(0);
  }
}
