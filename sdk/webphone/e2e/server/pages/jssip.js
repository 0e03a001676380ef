// JsSIP as anybody uses it, without anything of ours.
import JsSIP from "jssip";

window.start = ({ ws, realm, extension, password, number }) =>
  new Promise((resolve, reject) => {
    const agent = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(ws)], uri: `sip:${extension}@${realm}`, password });
    agent.on("registrationFailed", ({ cause }) => reject(new Error(`not registered: ${cause}`)));
    agent.on("registered", () => {
      const session = agent.call(`sip:${number}@${realm}`, { mediaConstraints: { audio: true, video: false } });
      window.hangup = () => session.terminate();
      session.on("failed", ({ cause }) => reject(new Error(`no call: ${cause}`)));
      session.on("confirmed", () => resolve("confirmed"));
      session.connection.addEventListener("track", ({ streams }) => window.play(streams[0]));
    });
    agent.start();
  });
