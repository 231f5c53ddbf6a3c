// Pixels of one radiograph in the browser: fetched as 16-bit numbers and shown through window and level. No page here.

// Where the app is served, also behind a proxy's path; the proxy's outer protocol is the address bar's.
function appAddress(path) {
  const root = new URL((window.gradio_config && window.gradio_config.root) || "/", location.href);
  return location.origin + root.pathname.replace(/\/$/, "") + path;
}

// On this machine packing costs more time than it saves.
const isNear = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

async function fetchPixels(side, data, header, token) {
  const address = appAddress(`/pixels/${side}/${data.key}${isNear ? "" : "?pack=1"}`);
  const answer = await fetch(address, { headers: { [header]: token }, cache: "no-store", credentials: "same-origin" });
  if (!answer.ok) throw new Error(`pixels: ${answer.status}`);
  const { width, height } = data.picture;
  const bytes = new Uint8Array(await answer.arrayBuffer());
  if (bytes.length !== 2 * width * height) throw new Error("pixels: another size than was announced");
  return isNear ? plainPixels(bytes) : unpackedPixels(bytes, width, height);
}

function plainPixels(bytes) {
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] === 1) return new Uint16Array(bytes.buffer);
  const view = new DataView(bytes.buffer);
  return Uint16Array.from({ length: bytes.length / 2 }, (_, i) => view.getUint16(2 * i, true));
}

// The opposite of `packed` in priorrg/ui/pixels.py.
function unpackedPixels(bytes, width, height) {
  const count = width * height, values = new Uint16Array(count);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0, value = 0; x < width; x++, i++) values[i] = value = (value + bytes[i] + (bytes[count + i] << 8)) & 0xffff;
  }
  return values;
}

// Window in pixel values -> one colour for each of the 65,536 values; linear as in DICOM PS3.3 C.11.2.1.2.
function lookUpTable(centre, width, isInverted) {
  const table = new Uint32Array(65536);
  const low = centre - 0.5 - (width - 1) / 2, steep = 255 / Math.max(width - 1, 1);
  for (let value = 0; value < 65536; value++) {
    let grey = Math.min(255, Math.max(0, Math.round((value - low) * steep)));
    if (isInverted) grey = 255 - grey;
    table[value] = 0xff000000 | (grey << 16) | (grey << 8) | grey; // the same bytes in either order but for opacity
  }
  return table;
}

// A canvas of the picture's own size that holds it as window and level show it.
class Film {
  constructor(values, width, height) {
    this.values = values;
    this.canvas = document.createElement("canvas");
    this.canvas.width = width;
    this.canvas.height = height;
    this.pen = this.canvas.getContext("2d", { alpha: false });
    this.shown = this.pen.createImageData(width, height);
    this.greys = new Uint32Array(this.shown.data.buffer);
    this.is = "";
  }

  develop(centre, width, isInverted) {
    const wanted = `${centre} ${width} ${isInverted}`;
    if (wanted === this.is) return this.canvas;
    this.is = wanted;
    const table = lookUpTable(centre, width, isInverted), { values, greys } = this;
    for (let i = 0; i < values.length; i++) greys[i] = table[values[i]];
    this.pen.putImageData(this.shown, 0, 0);
    return this.canvas;
  }
}
