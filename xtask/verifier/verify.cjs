// Reads one delivery a line, {"secret", "headers", "body" (base64)}, and says of each whether the package believes it.

const { Webhook } = require("standardwebhooks");
const { createInterface } = require("node:readline");

createInterface({ input: process.stdin }).on("line", (line) => {
  const { secret, headers, body } = JSON.parse(line);
  try {
    new Webhook(secret).verify(Buffer.from(body, "base64"), headers);
    console.log("believed");
  } catch (error) {
    console.log(`refused: ${error.message}`);
  }
});
