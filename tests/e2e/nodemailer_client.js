// Sends what nodemailer can send: plain, with an attachment, to a UTF-8 address, with DSN, from a stream, and over a pool of
// connections. Prints how many messages were taken; ends with 1 when one was not.
const nodemailer = require('nodemailer');
const { Readable } = require('stream');

const server = { host: '127.0.0.1', port: Number(process.argv[2]), secure: false, ignoreTLS: true };
const from = 'a@client.example';
const single = nodemailer.createTransport(server);
const pool = nodemailer.createTransport({ ...server, pool: true, maxConnections: 3, maxMessages: 5 });

const messages = [
  { from, to: 'plain@here.example', subject: 'plain', text: 'hello\n.\n..\nend' },
  { from, to: 'attachment@here.example', subject: 'attachment', text: 'see there',
    attachments: [{ filename: 'zeros.bin', content: Buffer.alloc(1 << 20) }] },
  { from: 'jürgen@client.example', to: 'grüße@here.example', subject: 'utf8', text: 'ü' },
  { from, to: 'dsn@here.example', subject: 'dsn', text: 'tell me',
    dsn: { id: 'an id+with=signs', return: 'headers', notify: ['success', 'failure', 'delay'], recipient: from } },
  { from, to: 'stream@here.example', subject: 'stream',
    text: Readable.from((function* () { for (let i = 0; i < 5000; i++) yield `line ${i}\r\n`; })()) },
];

async function main() {
  const sent = [
    ...messages.map((m) => single.sendMail(m)),
    ...Array.from({ length: 10 }, (_, i) => pool.sendMail({ from, to: 'pool@here.example', subject: `pool ${i}`, text: 'x' })),
  ];
  const results = await Promise.all(sent);
  for (const r of results) if (!r.response.startsWith('250')) throw new Error(r.response);
  pool.close();
  console.log(`${results.length} sent`);
}

main().catch((e) => { console.error(e); process.exit(1); });
