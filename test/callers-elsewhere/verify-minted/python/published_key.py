"""A resource server in Python: PyJWT and the published keys. Arguments: algorithm, JWKS URL, issuer, audience; the token on standard input."""

import sys

import jwt

algorithm, jwks_url, issuer, audience = sys.argv[1:]
token = sys.stdin.read().strip()
key = jwt.PyJWKClient(jwks_url, timeout=5).get_signing_key_from_jwt(token)
claims = jwt.decode(
    token, key, algorithms=[algorithm], issuer=issuer, audience=audience, options={"require": ["exp", "iat", "sub", "iss", "aud"]}
)
print(claims["sub"])
