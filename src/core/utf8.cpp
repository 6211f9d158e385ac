#include "core/utf8.h"

#include <simdjson.h>
#include <utf8proc.h>

#include <algorithm>

namespace kindred {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";  // U+FFFD

/// Whether some bytes more would make `part` a character. The least or the greatest byte that may
/// continue one does so where any does.
bool begins_character(std::string_view part) {
  for (const char next : {'\x80', '\xbf'}) {
    std::string whole(4, next);
    std::copy(part.begin(), part.end(), whole.begin());
    if (character_length(whole, 0) > part.size()) return true;
  }
  return false;
}

/// Length of the maximal ill-formed part at `at`, where no character starts: the longest beginning
/// of one, or a single byte (Unicode 15, section 3.9).
size_t ill_formed_length(std::string_view bytes, size_t at) {
  size_t length = std::min<size_t>(3, bytes.size() - at);
  while (length > 1 && !begins_character(bytes.substr(at, length))) --length;
  return length;
}

}  // namespace

size_t character_length(std::string_view bytes, size_t at) {
  utf8proc_int32_t code_point = 0;
  const size_t left = std::min<size_t>(4, bytes.size() - at);
  const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(&bytes[at]),
                                       static_cast<utf8proc_ssize_t>(left), &code_point);
  return length > 0 ? static_cast<size_t>(length) : 0;
}

bool is_utf8(std::string_view bytes, size_t* bad) {
  if (simdjson::validate_utf8(bytes.data(), bytes.size())) return true;
  if (bad == nullptr) return false;
  size_t at = 0;
  while (const size_t length = character_length(bytes, at)) at += length;
  *bad = at;
  return false;
}

IllFormed append_sanitized(std::string& out, std::string_view bytes) {
  IllFormed found;
  size_t kept = 0;  // start of the well-formed stretch not copied yet
  for (size_t at = is_utf8(bytes) ? bytes.size() : 0; at < bytes.size();) {
    if (const size_t length = character_length(bytes, at)) {
      at += length;
      continue;
    }
    const size_t length = ill_formed_length(bytes, at);
    out.append(bytes.substr(kept, at - kept)).append(replacement);
    ++found.parts;
    found.bytes += length;
    kept = at += length;
  }
  out.append(bytes.substr(kept));
  return found;
}

std::string sanitize_utf8(std::string_view bytes) {
  std::string text;
  append_sanitized(text, bytes);
  return text;
}

void append_latin1(std::string& out, std::string_view bytes) {
  for (const char byte : bytes) append_utf8(out, static_cast<uint8_t>(byte));
}

void append_utf8(std::string& out, char32_t code_point) {
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
    return;
  }
  utf8proc_uint8_t bytes[4];
  const auto count = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code_point), bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(count));
}

CodePoint code_point_before(std::string_view text, size_t end) {
  size_t at = end - 1;
  while (at > 0 && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) --at;
  return code_point_at(text, at);
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  while (true) {
    const size_t at = text.find(from);
    result.append(text.substr(0, at));
    if (at == std::string_view::npos) return result;
    result.append(to);
    text.remove_prefix(at + from.size());
  }
}

std::string_view utf8_prefix(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) --limit;
  return text.substr(0, limit);
}

std::string shown(std::string_view bytes, size_t limit) {
  static constexpr char digits[] = "0123456789abcdef";
  const std::string valid = sanitize_utf8(bytes.substr(0, limit + 4));
  std::string text;
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

}  // namespace kindred
