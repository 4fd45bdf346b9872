#!/usr/bin/python3
"""pages.py IP PORT FILE: serves the pages of a JSON file: {PATH: {"text", "method", "needs": [HEADER, VALUE]}}."""

import http.server
import json
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        page = PAGES.get(self.path)
        needs = page.get("needs") if page else None
        if page is None or page.get("method", "GET") != self.command:
            self.send_error(404)
        elif needs and self.headers.get(needs[0]) != needs[1]:
            self.send_error(401)
        else:
            body = page["text"].encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    do_GET = do_PUT = answer

    def log_message(self, *_):
        pass


with open(sys.argv[3], encoding="utf-8") as file:
    PAGES = json.load(file)
SERVER = http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler)
print("ready", flush=True)
SERVER.serve_forever()
