// A tokenizer folder of the older kind: vocab.json, merges.txt, tokenizer_config.json,
// special_tokens_map.json, added_tokens.json, config.json, vocab.txt, then a text.

#include <cstdint>

#include "core/utf8.h"
#include "fuzz/fuzz.h"
#include "text/tokenizer.h"

using namespace kindred;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static fuzz::Folder folder;
  const auto parts = fuzz::files_of({reinterpret_cast<const char*>(data), size});
  folder.fill({"vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json",
               "added_tokens.json", "config.json", "vocab.txt"},
              parts);
  const std::string_view text = parts.size() > 7 ? parts[7] : "it's a  test\n";
  fuzz::parse([&] {
    const auto tokenizer = text::Tokenizer::load(folder.path());
    const auto ids = tokenizer->encode(text);
    for (const int32_t id : ids) fuzz::require(id >= 0 && id < tokenizer->size());
    fuzz::require(is_utf8(tokenizer->decode(ids)));
    for (const int32_t id : tokenizer->prefix_ids()) tokenizer->piece(id);
  });
  return 0;
}
