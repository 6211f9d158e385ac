// tokenizer.json from bytes; where it is one, a text through it and back. The input is the JSON,
// then (after a NUL byte) the text.

#include <cstdint>
#include <string_view>

#include "core/utf8.h"
#include "fuzz/fuzz.h"
#include "text/tokenizer.h"

using namespace kindred;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find('\0');
  const std::string_view json = input.substr(0, end);
  const std::string_view text = end == input.npos ? "it's a  test\n" : input.substr(end + 1);
  fuzz::parse([&] {
    const auto tokenizer = text::Tokenizer::from_json(json, "input");
    const auto ids = tokenizer->encode(text);
    for (const int32_t id : ids) fuzz::require(id >= 0 && id < tokenizer->size());
    fuzz::require(is_utf8(tokenizer->decode(ids)));
    tokenizer->encode(text, {.add_special_tokens = false, .parse_special = false});
    const size_t specials = tokenizer->prefix_ids().size() + tokenizer->suffix_ids().size();
    fuzz::require(tokenizer->encode(text, {.max_length = specials + 3}).size() <= specials + 3);
    tokenizer->encode_pair(text, text, {.truncation_side = text::Side::left});
  });
  return 0;
}
