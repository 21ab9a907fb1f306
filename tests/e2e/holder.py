"""Another program that has the port: `holder.py ADDRESS PORT`. It greets, and says "ready" when it listens."""

import socket
import sys

address, port = sys.argv[1], int(sys.argv[2])
with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen()
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            if "silent" in sys.argv:
                connection.recv(1)
            else:
                connection.sendall(b"220 squatter.example ESMTP Squatter 1.0\r\n")
