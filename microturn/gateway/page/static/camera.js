// @ts-check
// The camera: five small pictures a second as JPEG, and thumbnails for the axis.

const EVERY_MS = 200;
const THUMB_EVERY = 5;
const WIDTH = 240;

export class Camera {
  /** @param {(jpeg: string) => void} onPicture base64 @param {(thumb: HTMLCanvasElement) => void} onThumb */
  constructor(onPicture, onThumb) {
    this.onPicture = onPicture;
    this.onThumb = onThumb;
    this.video = document.createElement("video");
    this.video.muted = this.video.playsInline = true;
    this.canvas = document.createElement("canvas");
    this.taken = 0;
    /** @type {MediaStream | null} */ this.stream = null;
    this.timer = 0;
  }

  /** @param {string} device "" for any */
  async start(device) {
    // No height: a browser that is asked for both cuts off what does not fit.
    const wanted = { width: { ideal: 320 }, frameRate: { ideal: 10 }, ...(device ? { deviceId: { exact: device } } : {}) };
    this.stream = await navigator.mediaDevices.getUserMedia({ video: wanted });
    this.video.srcObject = this.stream;
    await this.video.play();
    this.taken = 0;
    this.timer = window.setInterval(() => this.take(), EVERY_MS);
  }

  stop() {
    clearInterval(this.timer);
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
  }

  take() {
    const { video, canvas } = this;
    if (!video.videoWidth) return;
    canvas.width = WIDTH;
    canvas.height = Math.round((WIDTH * video.videoHeight) / video.videoWidth);
    canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
    this.onPicture(canvas.toDataURL("image/jpeg", 0.6).split(",")[1]);
    if (this.taken++ % THUMB_EVERY === 0) this.onThumb(thumbOf(canvas));
  }
}

/** @param {HTMLCanvasElement} canvas */
function thumbOf(canvas) {
  const thumb = document.createElement("canvas");
  thumb.width = 152;
  thumb.height = 114;
  thumb.getContext("2d")?.drawImage(canvas, 0, 0, thumb.width, thumb.height);
  return thumb;
}
