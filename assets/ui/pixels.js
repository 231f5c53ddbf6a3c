// Pixels of one radiograph in the browser: fetched as 16-bit numbers and shown through window and level. No page here.

// On this machine packing costs more time than it saves.
const isNear = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

// The first look at an image, or (isWhole) all pixels of its file.
async function fetchFilm(side, data, isWhole, header, token) {
  const asked = [isWhole && "whole=1", !isNear && "pack=1"].filter(Boolean).join("&");
  const address = appAddress(`/pixels/${side}/${data.key}${asked && `?${asked}`}`);
  const answer = await fetch(address, { headers: { [header]: token }, cache: "no-store", credentials: "same-origin" });
  if (!answer.ok) throw new Error(`pixels: ${answer.status}`);
  const { width, height } = isWhole ? data.file : data.picture;
  const bytes = new Uint8Array(await answer.arrayBuffer());
  if (bytes.length !== 2 * width * height) throw new Error("pixels: another size than was announced");
  const values = isNear ? plainPixels(bytes) : unpackedPixels(bytes, width, height);
  return new Film(values, width, height, isWhole ? 1 : data.picture.step);
}

function plainPixels(bytes) {
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] === 1) return new Uint16Array(bytes.buffer);
  const view = new DataView(bytes.buffer);
  return Uint16Array.from({ length: bytes.length / 2 }, (_, i) => view.getUint16(2 * i, true));
}

// The opposite of `packed` in priorrg/ui/pixels.py.
function unpackedPixels(bytes, width, height) {
  const count = width * height,
    values = new Uint16Array(count);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0, value = 0; x < width; x++, i++)
      values[i] = value = (value + bytes[i] + (bytes[count + i] << 8)) & 0xffff;
  }
  return values;
}

// Window in pixel values -> one colour for each of the 65,536 values; linear as in DICOM PS3.3 C.11.2.1.2.
function lookUpTable(centre, width, isInverted) {
  const table = new Uint32Array(65536);
  const low = centre - 0.5 - (width - 1) / 2,
    steep = 255 / Math.max(width - 1, 1);
  for (let value = 0; value < 65536; value++) {
    let grey = Math.min(255, Math.max(0, Math.round((value - low) * steep)));
    if (isInverted) grey = 255 - grey;
    table[value] = 0xff000000 | (grey << 16) | (grey << 8) | grey; // the same bytes in either order but for opacity
  }
  return table;
}

const TILE = 256; // parts are developed in these, so that a small move needs no new one

// Pixels and a canvas for the part of them that is looked at. step: pixels of the file in one of these, each way.
class Film {
  constructor(values, width, height, step) {
    Object.assign(this, { values, width, height, step, is: "" });
    this.canvas = document.createElement("canvas");
    this.pen = this.canvas.getContext("2d", { alpha: false });
  }

  // The part that covers [left, top, right, bottom], in pixels of this film, through window and level: its canvas and place.
  develop(centre, width, isInverted, [left, top, right, bottom]) {
    const from = (place) => Math.max(0, TILE * Math.floor((place - 2) / TILE));
    const to = (place, most) => Math.min(most, TILE * Math.ceil((place + 2) / TILE));
    const x = from(left),
      y = from(top),
      w = to(right, this.width) - x,
      h = to(bottom, this.height) - y;
    if (w <= 0 || h <= 0) return null; // moved out of sight
    const wanted = [centre, width, isInverted, x, y, w, h].join(" ");
    if (wanted !== this.is) {
      this.is = wanted;
      if (!this.shown || this.shown.width !== w || this.shown.height !== h) this.shown = this.pen.createImageData(w, h);
      const table = lookUpTable(centre, width, isInverted),
        greys = new Uint32Array(this.shown.data.buffer),
        { values } = this;
      for (let row = 0, i = 0; row < h; row++) {
        for (let at = (y + row) * this.width + x, end = at + w; at < end; at++, i++) greys[i] = table[values[at]];
      }
      if (this.canvas.width !== w) this.canvas.width = w;
      if (this.canvas.height !== h) this.canvas.height = h;
      this.pen.putImageData(this.shown, 0, 0);
    }
    return { canvas: this.canvas, x, y, w, h };
  }
}
