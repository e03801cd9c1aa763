// Socket.IO as a peer of the bench: POST /publish sends its JSON body to every socket.
// node socketio_node.js PORT PATH_OF_SOCKET_IO
"use strict";
const http = require("node:http");
const { Server } = require(process.argv[3]);

const server = http.createServer({ keepAliveTimeout: 3600_000 });
const io = new Server(server, {
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
});

server.on("request", (request, response) => {
  if (request.method !== "POST" || request.url !== "/publish") return;
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    io.emit("order", JSON.parse(Buffer.concat(parts).toString()));
    response.writeHead(202, { "Content-Length": 0 }).end();
  });
});
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
