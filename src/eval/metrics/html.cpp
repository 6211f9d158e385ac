#include "eval/metrics/html.h"

#include <utf8proc.h>

#include "eval/metrics/html_style.h"

namespace kindred::eval {

std::string html_escape(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (size_t i = 0; i < text.size();) {
    utf8proc_int32_t code = -1;
    const auto length =
        utf8proc_iterate(bytes + i, static_cast<utf8proc_ssize_t>(text.size() - i), &code);
    const bool control =
        (code >= 0 && code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7F && code < 0xA0);
    if (length <= 0 || control) {
      result += "\xEF\xBF\xBD";
      i += length <= 0 ? 1 : static_cast<size_t>(length);
      continue;
    }
    switch (code) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result.append(text, i, static_cast<size_t>(length));
    }
    i += static_cast<size_t>(length);
  }
  return result;
}

std::string html_page(std::string_view title, std::string_view body) {
  std::string page;
  page += "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  page += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  page += "<meta name=\"color-scheme\" content=\"light dark\">\n";
  // The page may load nothing at all; what is shown is in it.
  page +=
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'\">\n";
  page += "<title>" + html_escape(title) + "</title>\n<style>" + html_style + "</style>\n</head>\n";
  page += "<body>\n<main>\n";
  page += body;
  page += "</main>\n</body>\n</html>\n";
  return page;
}

}  // namespace kindred::eval
