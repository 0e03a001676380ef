// The player of a recording: one button, a slider over the picture, a speed. Without this the browser's own stands there.

const clock = (seconds) => {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = `${String(rest).padStart(2, "0")}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
};

for (const player of document.querySelectorAll("[data-player]")) {
  const part = (name) => player.querySelector(`[data-${name}]`);
  const sound = player.querySelector("audio");
  const [play, place, at, length, speed] = ["play", "place", "at", "length", "speed"].map(part);
  const track = player.querySelector(".player-track");
  sound.controls = false;
  sound.hidden = true;
  player.querySelector(".player-parts").hidden = false;

  const show = () => {
    const seconds = sound.currentTime;
    place.value = String(seconds * 1000);
    place.setAttribute("aria-valuetext", clock(seconds));
    at.textContent = clock(seconds);
    track.style.setProperty("--played", `${(100 * seconds * 1000) / Number(place.max)}%`);
  };
  let frame = 0;
  const follow = () => {
    show();
    frame = sound.paused ? 0 : requestAnimationFrame(follow);
  };

  play.addEventListener("click", () => (sound.paused ? sound.play().catch(() => {}) : sound.pause()));
  place.addEventListener("input", () => {
    sound.currentTime = Number(place.value) / 1000;
    show();
  });
  speed.addEventListener("change", () => {
    sound.playbackRate = Number(speed.value);
  });
  sound.addEventListener("loadedmetadata", () => {
    if (Number.isFinite(sound.duration)) {
      place.max = String(Math.round(sound.duration * 1000));
      length.textContent = clock(sound.duration);
    }
    show();
  });
  for (const name of ["play", "pause", "ended", "seeked"]) {
    sound.addEventListener(name, () => {
      play.setAttribute("aria-pressed", String(!sound.paused));
      cancelAnimationFrame(frame);
      follow();
    });
  }
  sound.addEventListener("error", () => {
    part("failed").hidden = false;
  });
  // Space plays while the slider has the focus, and five seconds are a step of its arrows.
  place.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, PageUp: 30, PageDown: -30 };
    if (event.key === " ") {
      event.preventDefault();
      play.click();
    } else if (event.key in steps) {
      event.preventDefault();
      const end = Number(place.max) / 1000;
      sound.currentTime = Math.min(end, Math.max(0, sound.currentTime + steps[event.key]));
      show();
    }
  });
}

// What was played is the same picture in another colour, cut off where the sound is.
document.addEventListener("htmx:afterSwap", (event) => {
  const drawn = event.target.matches?.(".player-wave") && event.target.querySelector("svg");
  if (drawn) {
    const played = document.createElement("div");
    played.className = "waveform-played";
    played.append(drawn.cloneNode(true));
    event.target.append(played);
  }
});
