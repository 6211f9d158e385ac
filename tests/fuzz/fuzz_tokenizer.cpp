// tokenizer.json from bytes; where it is one, a text through it and back. The input is the JSON,
// then (after a NUL byte) the text.

#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "core/log.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kindred::log::set_level(kindred::log::Level::off);
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find('\0');
  const std::string_view json = input.substr(0, end);
  const std::string_view text = end == input.npos ? "it's a  test\n" : input.substr(end + 1);
  try {
    const auto tokenizer = kindred::text::Tokenizer::from_json(json, "input");
    const auto ids = tokenizer->encode(text);
    for (const int32_t id : ids) {
      if (id < 0 || id >= tokenizer->size()) __builtin_trap();
    }
    if (!kindred::text::is_valid_utf8(tokenizer->decode(ids))) __builtin_trap();
    tokenizer->encode(text, {.add_special_tokens = false, .parse_special = false});
  } catch (const kindred::Error&) {
  }
  return 0;
}
