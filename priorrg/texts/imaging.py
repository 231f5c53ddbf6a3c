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
    "pdf": ["a PDF document", "Export the image itself as DICOM, PNG or JPEG."],
    "zip": ["a ZIP archive", "Unpack it and choose the one image."],
    "gzip": ["a gzip archive", "Unpack it and choose the one image."],
    "gif": ["a GIF image", "Save it as PNG."],
    "bmp": ["a bitmap (BMP)", "Save it as PNG."],
    "tiff": ["a TIFF image", "Save it as PNG, which keeps 16 bits."],
    "nifti": ["a NIfTI volume", "PriorRG reads single radiographs."],
    "heic": ["a HEIC photo", "Save it as JPEG."],
    "webp": ["a WebP image", "Save it as PNG."],
}

# Archives (archives.py)

ARCHIVE_DAMAGED = "{called} is a damaged ZIP archive, or none. Pack it again, or choose the images in it."
ARCHIVE_ENCRYPTED = "{called} is an encrypted ZIP archive. Unpack it and choose the images in it."
ARCHIVE_LARGE = (
    "{called} holds more than a ZIP archive may here: {entries} files, 200 MB for one image, 1 GB for all. Unpack it "
    "and choose the images in it."
)
ARCHIVE_EMPTY = "{called} holds no DICOM, PNG or JPEG."

# Limits of decoding, whatever the file is (decoders.py)

BEYOND = {
    "time": "{called} takes longer than the {seconds} seconds that decoding a file may take. Export it again, "
    "uncompressed if you can.",
    "memory": "{called} takes more than the {gigabytes} GB of memory that decoding a file may take. Export it again at "
    "its original size and depth, in grey.",
    "crash": "{called} cannot be decoded: the decoder broke off. Export it again, uncompressed if you can.",
}
UNFORESEEN = "{called} cannot be decoded. Export it again, uncompressed if you can."

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

DAMAGED_DICOM = "{called} is DICOM, but damaged or cut short: it cannot be decoded. Export it again."
NO_IMAGE = (
    "{called} is a DICOM object without an image (modality {modality}). Upload the radiograph, not its report or "
    "presentation state."
)
PIXELS_MISSING = (
    "{called} says that it is a radiograph (modality {modality}) and holds no image: it was cut short, or its pixels "
    "were left out. Export it again."
)
MODALITY_NOT_STATED = "not stated"
UNLISTED_MODALITY = "another kind"  # in the place of a modality that stands in no list
SEVERAL_FRAMES = "{called} holds {frames} frames. PriorRG reads single radiographs: export the one frame you mean."
LARGE_DICOM = "{called} says that it has {rows} x {columns} pixels, more than any radiograph has."
LARGE_COLOUR = (
    "{called} says that it has {rows} x {columns} pixels in colour, more than any radiograph has. Export it in grey."
)
SMALL_DICOM = "{called} is only {width} x {height} pixels. Upload the radiograph itself."
FLOATING_POINT = "{called} holds floating-point pixels, a map and no radiograph."
OTHER_VALUES = "{called} stores its values as no radiograph does. Export the original radiograph."
NO_DECODER = "There is no decoder here for {syntax}, as which {called} is stored. Export it uncompressed."
UNKNOWN_SYNTAX = "an unknown transfer syntax"
PIXELS_ELSEWHERE = "{called} holds no pixels, only the address of a server that has them. Export the image itself."
LARGE_INFLATED = "{called} unpacks to more than {megabytes} MB, more than any radiograph has."
PIXEL_SHAPE = "{called} says that its pixels are over ten times as long as wide: no device makes such. Export it again."
PADDING_ALONE = "{called} is filled with padding alone: there is nothing to read. Check the export."
NO_NUMBERS = "{called} holds values that are no numbers once rescaled. Export it again."

NOT_SAID_A_RADIOGRAPH = "The file does not say that it is a radiograph (modality missing or 'other')."
DISPLAY_CURVE = "The file's own display curve (VOI LUT) is applied."
SIGMOID = "The file's own display curve (a sigmoid window) is applied."
UNUSABLE_CURVE = "A display curve of the file (VOI LUT) cannot be used and is passed over."
UNUSABLE_MODALITY = "The file's table of values (modality LUT) cannot be used: its stored values are shown."
UNUSABLE_RESCALE = "The file's rescaling (slope and intercept) is no usable one: its stored values are shown."
EMPTY_WINDOW = "The file's display window shows nothing of its values."
PASSED_WINDOW = "One of the file's display windows shows nothing of its values and is passed over."
NO_WINDOW = "The file names no usable display window: shown from its darkest to its brightest values."
FULL_RANGE = "Full range"  # the name of a window
UNNAMED_WINDOW = "Window {number}"
NO_SUCH_WINDOW = "The file has no window '{asked}'. It has: {known}. Give a number or a name of these."
NO_CHOICE_OF_WINDOWS = "The file names no window that could be chosen. Leave the window out."
INVERTED = "Stored with white as black (MONOCHROME1 or the like): inverted for display and model."
POLARITY_DOUBTFUL = "The header contradicts itself on whether low values are black or white."
TURNED = "Brought upright as its header says (Patient Orientation)."
SQUARED = "Its pixels are {ratio} times as long as wide: resampled to square ones."
LOW_BITS = "The header puts its {bits} bits at the upper end of a word; they lie at the lower one and are read there."
HIGH_BITS = "Its {bits} bits lie above {low} others in each word, which are left out."
MORE_BITS = "Its values need {needed} bits, not the {bits} that its header says: they are read whole."
SPARE_BITS = "Bits beyond the {bits} of its values, as overlays have them, are left out."

# A reader's correction: how it is told, and how a program or the command line asks for it (orientation.py)

TURNS = {1: "turned 90° clockwise", 2: "turned by 180°", 3: "turned 90° anticlockwise"}
MIRRORED = "mirrored left for right"
MADE_NEGATIVE = "black and white exchanged"

NO_ORIENTATION = (
    "The orientation is none that PriorRG knows. Say 90, 180 or 270 (degrees clockwise), mirrored, inverted, or "
    "several of them with spaces between."
)
