"""An existing backend as it is, which knows nothing of Cambio: PyJWT and a shared secret (JWT_SECRET). The token on standard input."""

import os
import sys

import jwt

token, secret = sys.stdin.read().strip(), os.environ["JWT_SECRET"]
claims = jwt.decode(token, secret, algorithms=["HS256"])
print(claims["sub"])
