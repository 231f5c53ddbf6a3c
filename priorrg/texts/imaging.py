"""Why a file cannot be read as a radiograph, and notes on what was assumed while reading one (priorrg/imaging)."""

# How a message names the file: by its name, or where that is not known

QUOTED = "'{name}'"
THIS_FILE = "This file"

# Why a file cannot be read, whatever it holds (open.py)

UNREADABLE = "{path} cannot be read: {reason}."
LARGE_FILE = "{called} is larger than {megabytes} MB. PriorRG reads single radiographs."
EMPTY_FILE = "{called} is empty (0 bytes). Export it again and upload it once more."
UNKNOWN_FORMAT = "{called} is no image that PriorRG knows. Upload one radiograph as DICOM, PNG or JPEG."
OTHER_FORMAT = "{called} is {what}; PriorRG reads DICOM, PNG and JPEG. {advice}"
OTHER_FORMATS = {  # what the file is, and what to do about it
    "pdf": ("a PDF document", "Export the image itself as DICOM, PNG or JPEG."),
    "zip": ("a ZIP archive", "Unpack it and choose the one image."),
    "gzip": ("a gzip archive", "Unpack it and choose the one image."),
    "gif": ("a GIF image", "Save it as PNG."),
    "bmp": ("a bitmap (BMP)", "Save it as PNG."),
    "tiff": ("a TIFF image", "Save it as PNG, which keeps 16 bits."),
    "nifti": ("a NIfTI volume", "PriorRG reads single radiographs."),
    "heic": ("a HEIC photo", "Save it as JPEG."),
    "webp": ("a WebP image", "Save it as PNG."),
}

# PNG and JPEG (raster.py)

ANIMATION = "{called} is an animation of {frames} frames. Save the one frame you mean."
LARGE_IMAGE = (
    "{called} has more than {millions} million pixels, more than any radiograph. Export it at its original size."
)
RARE_JPEG = "{called} is a {kind} JPEG, which PriorRG does not decode. Save it as PNG."
LOSSLESS = "lossless"
BITS = "{bits}-bit"
DAMAGED = "{called} is damaged or cut short. Export it again and upload it once more."
SMALL_IMAGE = "{called} is only {width} x {height} pixels. Upload the radiograph itself, not a thumbnail."
FLAT_TONE = "{called} is one flat tone: there is nothing to read. Check the export."

NARROW_RANGE = "Its values fill a small part of their range: shown from the darkest to the brightest."
FEWER_BITS = "16-bit samples of which {bits} bits are used: shown over that range."
TRANSPARENT = "Transparent parts are shown black."
COLOUR = "This is a colour image: its brightness is read as grey."

# DICOM (dicom.py, header.py)

DEFLATED = (
    "{called} is packed as a whole (Deflated Explicit VR Little Endian), which PriorRG does not unpack. Export it with "
    "any other transfer syntax."
)
DAMAGED_DICOM = "{called} is DICOM, but damaged or cut short: it cannot be decoded. Export it again."
NO_IMAGE = (
    "{called} is a DICOM object without an image (modality {modality}). Upload the radiograph, not its report or "
    "presentation state."
)
MODALITY_NOT_STATED = "not stated"
UNLISTED_MODALITY = "another kind"  # in the place of a modality that stands in no list
SEVERAL_FRAMES = "{called} holds {frames} frames. PriorRG reads single radiographs: export the one frame you mean."
LARGE_DICOM = "{called} says that it has {rows} x {columns} pixels, more than any radiograph has."
SMALL_DICOM = "{called} is only {width} x {height} pixels. Upload the radiograph itself."
FLOATING_POINT = "{called} holds floating-point pixels, a map and no radiograph."
OTHER_VALUES = "{called} stores its values as no radiograph does. Export the original radiograph."
NO_DECODER = (
    "{called} is compressed as {syntax}, for which no decoder is installed. Export it uncompressed, or install the "
    "decoder that docs/radiologists.md names."
)
PADDING_ALONE = "{called} is filled with padding alone: there is nothing to read. Check the export."
NO_NUMBERS = "{called} holds values that are no numbers once rescaled. Export it again."

NOT_SAID_A_RADIOGRAPH = "The file does not say that it is a radiograph (modality missing or 'other')."
DISPLAY_CURVE = "The file's own display curve (VOI LUT) is applied."
EMPTY_WINDOW = "The file's display window shows nothing of its values."
NO_WINDOW = "The file names no usable display window: shown from its darkest to its brightest values."
INVERTED = "Stored with white as black (MONOCHROME1): inverted for display."
