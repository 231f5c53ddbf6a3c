// A report's text with words for what de-identification left of the training reports' dates and names: nobody shall fill
// it in. words: priorrg/texts/report.py, LEFT_OUT.
function filledGaps(text, words) {
  return (text || "").replace(/_{2,}/g, words);
}
