// For node: what it is given as descriptor 3, else PORT.
//
// server.close() ends idle connections, but lets the others be used again and again, for as long as a client likes: so
// once it is to end, each answer says that its connection ends.
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');

const release = process.env.DEPLOY_RELEASE ?? '';

function sick() {
  const what = fs.readFileSync('sick', 'utf8').trim();
  const tried = process.env.DEPLOY_PROCESS === 'web.0';
  return what === 'all' || (['late', os.hostname()].includes(what) && !tried);
}

let ending = false;
const server = http.createServer((request, answer) => {
  const say = () => {
    const code = request.url === '/up' && sick() ? 500 : 200;
    if (ending) answer.setHeader('Connection', 'close');
    answer.writeHead(code, {'Content-Type': 'text/plain', 'Content-Length': release.length});
    answer.end(release);
  };
  if (request.url === '/slow') setTimeout(say, 2000);
  else say();
});
if (process.env.LISTEN_FDS) server.listen({fd: 3});
else server.listen(process.env.PORT, process.env.HOST ?? '0.0.0.0');
process.on('SIGTERM', () => {
  ending = true;
  server.close(() => process.exit(0));
});
