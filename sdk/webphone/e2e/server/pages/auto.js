// A page that starts its phone by itself, as at the beginning of a working day: nobody has clicked yet.
const { base, token } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
ZorioWebphone.connect({ apiBase: base, token, mount: "#phone", locale: "en" }).then((phone) => {
  for (const name of ["registered", "incoming_call", "audio_autoplay_blocked"]) {
    phone.on(name, () => console.log(`event ${name}`));
  }
  document.querySelector("#unlock").onclick = () => phone.unlockAudio().then(() => console.log("unlocked"));
  phone.watch?.(() => console.log(`blocked ${phone.snapshot().audioBlocked}`));
  console.log("event registered");
});
