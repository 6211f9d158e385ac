#include "data/utf8.h"

#include <simdjson.h>

namespace kindred::data {
namespace {

bool continues(std::string_view bytes, size_t at, unsigned char low = 0x80,
               unsigned char high = 0xbf) {
  if (at >= bytes.size()) return false;
  const auto byte = static_cast<unsigned char>(bytes[at]);
  return byte >= low && byte <= high;
}

/// Length of the well-formed sequence at `at`, or 0; then `bad` is the length of the ill-formed
/// part.
size_t sequence_length(std::string_view bytes, size_t at, size_t& bad) {
  const auto lead = static_cast<unsigned char>(bytes[at]);
  bad = 1;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  if (lead < 0xe0) return continues(bytes, at + 1) ? 2 : 0;
  // The second byte's range excludes overlong forms, surrogates and code points above U+10FFFF.
  const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (!continues(bytes, at + 1, low, high)) return 0;
  bad = 2;
  if (!continues(bytes, at + 2)) return 0;
  if (lead < 0xf0) return 3;
  bad = 3;
  return continues(bytes, at + 3) ? 4 : 0;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  return simdjson::validate_utf8(bytes.data(), bytes.size());
}

uint64_t append_utf8(std::string& out, std::string_view bytes) {
  if (is_utf8(bytes)) {
    out.append(bytes);
    return 0;
  }
  uint64_t replaced = 0;
  for (size_t at = 0; at < bytes.size();) {
    size_t bad = 0;
    if (const size_t length = sequence_length(bytes, at, bad)) {
      out.append(bytes.substr(at, length));
      at += length;
    } else {
      out.append("\xef\xbf\xbd");
      replaced += bad;
      at += bad;
    }
  }
  return replaced;
}

void append_latin1(std::string& out, std::string_view bytes) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0 | (byte >> 6));
      out += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
}

std::string shown(std::string_view bytes, size_t limit) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string valid, text;
  append_utf8(valid, bytes.substr(0, limit + 4));
  for (const char c : utf8_prefix(valid, limit)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || c == '\t' || c == '\r') {
      text += c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r";
    } else if (byte < 0x20 || byte == 0x7f) {
      text += "\\x";
      text += digits[byte >> 4];
      text += digits[byte & 15];
    } else {
      text += c;
    }
  }
  return bytes.size() > limit ? text + "..." : text;
}

std::string_view utf8_prefix(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) --limit;
  return text.substr(0, limit);
}

}  // namespace kindred::data
