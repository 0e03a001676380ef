// SIP.js as anybody uses it, without anything of ours.
import { Inviter, Registerer, RegistererState, SessionState, UserAgent } from "sip.js";

window.start = async ({ ws, realm, extension, password, number }) => {
  const uri = (user) => UserAgent.makeURI(`sip:${user}@${realm}`);
  const agent = new UserAgent({
    uri: uri(extension),
    authorizationUsername: extension,
    authorizationPassword: password,
    transportOptions: { server: ws },
    logLevel: "error",
  });
  await agent.start();
  const registerer = new Registerer(agent);
  await new Promise((resolve, reject) => {
    registerer.stateChange.addListener((state) => state === RegistererState.Registered && resolve());
    registerer.register({ requestDelegate: { onReject: (response) => reject(new Error(`not registered: ${response.message.statusCode}`)) } });
  });
  const session = new Inviter(agent, uri(number), { sessionDescriptionHandlerOptions: { constraints: { audio: true, video: false } } });
  window.hangup = () => session.bye();
  const established = new Promise((resolve, reject) => {
    session.stateChange.addListener((state) => {
      if (state === SessionState.Established) resolve("established");
      if (state === SessionState.Terminated) reject(new Error("no call"));
    });
  });
  await session.invite();
  const result = await established;
  const stream = new MediaStream(session.sessionDescriptionHandler.peerConnection.getReceivers().map(({ track }) => track));
  window.play(stream);
  return result;
};
