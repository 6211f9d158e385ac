#include "data/python_literal.h"

#include <charconv>
#include <cstdint>
#include <cstdio>

namespace kindred::data {
namespace {

/// A recursive-descent parser that writes JSON as it goes.
class Converter {
 public:
  Converter(std::string_view text, std::string& out) : rest_(text), out_(out) {}

  bool whole() { return value(0) && (blanks(), rest_.empty()); }

 private:
  static constexpr int deepest = 100;

  void blanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t' ||
                              rest_.front() == '\r' || rest_.front() == '\n'))
      rest_.remove_prefix(1);
  }
  bool take(char c) {
    blanks();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take_word(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  bool value(int depth) {
    blanks();
    if (rest_.empty() || depth > deepest) return false;
    const char first = rest_.front();
    if (first == '{') return dict(depth);
    if (first == '[' || first == '(') return list(depth);
    if (starts_string()) return strings();
    for (const char* nothing : {"None", "null", "NaN"})
      if (take_word(nothing)) return out_ += "null", true;
    for (const char* truth : {"True", "true"})
      if (take_word(truth)) return out_ += "true", true;
    for (const char* untruth : {"False", "false"})
      if (take_word(untruth)) return out_ += "false", true;
    return number();
  }

  bool dict(int depth) {
    take('{');
    out_ += '{';
    for (bool first = true; !take('}'); first = false) {
      if (!first) {
        if (!take(',')) return false;
        if (take('}')) break;
        out_ += ',';
      }
      blanks();
      if (!key() || !take(':')) return false;
      out_ += ':';
      if (!value(depth + 1)) return false;
    }
    out_ += '}';
    return true;
  }

  /// Keys are strings or numbers; JSON has strings only.
  bool key() {
    if (starts_string()) return strings();
    out_ += '"';
    if (!number()) return false;
    out_ += '"';
    return true;
  }

  bool list(int depth) {
    const char close = rest_.front() == '[' ? ']' : ')';
    rest_.remove_prefix(1);
    out_ += '[';
    for (bool first = true; !take(close); first = false) {
      if (!first) {
        if (!take(',')) return false;
        if (take(close)) break;
        out_ += ',';
      }
      if (!value(depth + 1)) return false;
    }
    out_ += ']';
    return true;
  }

  bool number() {
    const bool negative = take_word("-");
    if (!negative) take_word("+");
    // from_chars takes what Python prints, infinities and nan apart: those are no JSON either.
    double parsed = 0;
    const char* begin = rest_.data();
    if (rest_.empty() || ((*begin < '0' || *begin > '9') && *begin != '.')) return false;
    const auto result = std::from_chars(begin, begin + rest_.size(), parsed);
    if (result.ec != std::errc()) return false;
    std::string digits(begin, result.ptr);
    // Neither Python nor JSON has a number that begins with 0 and goes on.
    if (digits.size() > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9') return false;
    rest_.remove_prefix(digits.size());
    take_word("L");  // Python 2's long
    if (digits.front() == '.') digits.insert(0, "0");
    if (const size_t dot = digits.find('.'); dot != std::string::npos)
      if (dot + 1 == digits.size() || digits[dot + 1] < '0' || digits[dot + 1] > '9')
        digits.insert(dot + 1, "0");
    if (negative) out_ += '-';
    out_ += digits;
    return true;
  }

  bool starts_string() const {
    size_t at = 0;
    while (at < 2 && at < rest_.size() &&
           std::string_view("uUrRbB").find(rest_[at]) != std::string_view::npos)
      ++at;
    return at < rest_.size() && (rest_[at] == '\'' || rest_[at] == '"');
  }

  /// One string, or several side by side, which Python joins.
  bool strings() {
    out_ += '"';
    do {
      if (!string()) return false;
      blanks();
    } while (starts_string());
    out_ += '"';
    return true;
  }

  bool string() {
    bool raw = false;
    for (; rest_.front() != '\'' && rest_.front() != '"'; rest_.remove_prefix(1))
      raw = raw || rest_.front() == 'r' || rest_.front() == 'R';
    const char mark = rest_.front();
    rest_.remove_prefix(1);
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == mark) return true;
      if (c != '\\') {
        put(c);
      } else if (rest_.empty()) {
        return false;
      } else if (raw) {
        out_ += "\\\\";
      } else if (!escape()) {
        return false;
      }
    }
    return false;
  }

  void put(char c) {
    if (c == '"' || c == '\\') {
      out_ += '\\';
      out_ += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      put_unit(static_cast<unsigned char>(c));
    } else {
      out_ += c;
    }
  }

  void put_unit(uint32_t unit) {
    char buffer[8];
    std::snprintf(buffer, sizeof buffer, "\\u%04x", static_cast<unsigned>(unit & 0xffff));
    out_ += buffer;
  }

  /// Surrogates are written as they stand: a pair is one character, a lone one is repaired later.
  bool put_code_point(uint32_t code) {
    if (code > 0x10ffff) return false;
    if (code < 0x20 || code == '"' || code == '\\' || code > 0x7f) {
      if (code > 0xffff) {
        put_unit(0xd800 + ((code - 0x10000) >> 10));
        put_unit(0xdc00 + ((code - 0x10000) & 0x3ff));
      } else {
        put_unit(code);
      }
    } else {
      out_ += static_cast<char>(code);
    }
    return true;
  }

  bool hexadecimal(size_t digits) {
    uint32_t code = 0;
    if (rest_.size() < digits) return false;
    const auto result = std::from_chars(rest_.data(), rest_.data() + digits, code, 16);
    if (result.ptr != rest_.data() + digits) return false;
    rest_.remove_prefix(digits);
    return put_code_point(code);
  }

  bool octal() {
    uint32_t code = 0;
    for (int i = 0; i < 3 && !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '7'; ++i) {
      code = code * 8 + static_cast<uint32_t>(rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    return put_code_point(code);
  }

  bool escape() {
    const char c = rest_.front();
    if (c >= '0' && c <= '7') return octal();
    rest_.remove_prefix(1);
    switch (c) {
      case 'n':
        return put('\n'), true;
      case 't':
        return put('\t'), true;
      case 'r':
        return put('\r'), true;
      case 'a':
        return put('\a'), true;
      case 'b':
        return put('\b'), true;
      case 'f':
        return put('\f'), true;
      case 'v':
        return put('\v'), true;
      case '\\':
      case '\'':
      case '"':
        return put(c), true;
      case 'x':
        return hexadecimal(2);
      case 'u':
        return hexadecimal(4);
      case 'U':
        return hexadecimal(8);
      default:  // Python keeps the backslash of an escape it does not know
        put('\\');
        put(c);
        return true;
    }
  }

  std::string_view rest_;
  std::string& out_;
};

}  // namespace

bool python_to_json(std::string_view literal, std::string& json) {
  json.clear();
  return Converter(literal, json).whole();
}

}  // namespace kindred::data
