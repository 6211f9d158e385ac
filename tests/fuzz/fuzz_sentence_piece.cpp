// A SentencePiece model, as LLaMA's or T5's tokenizer, and a text through it. The input: a byte
// that chooses, the model, then (after two record separators) the text.

#include <cstdint>

#include "core/utf8.h"
#include "fuzz/fuzz.h"
#include "text/tokenizer.h"

using namespace kindred;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static fuzz::Folder folder;
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t end = input.rfind("\x1e\x1e");
  const std::string_view text = end == input.npos ? "it's a  test\n" : input.substr(end + 2);
  const bool llama = data[0] % 2 == 0;
  folder.fill({llama ? "tokenizer.model" : "spiece.model"}, {input.substr(0, end)});
  fuzz::parse([&] {
    const auto tokenizer = text::Tokenizer::load(folder.path());
    const auto ids = tokenizer->encode(text);
    for (const int32_t id : ids) fuzz::require(id >= 0 && id < tokenizer->size());
    fuzz::require(is_utf8(tokenizer->decode(ids)));
  });
  return 0;
}
