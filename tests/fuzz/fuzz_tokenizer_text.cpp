// Any bytes as text: every splitting rule gives them back whole, the byte-level tokenizer too.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/log.h"
#include "core/utf8.h"
#include "text/byte_level.h"
#include "text/splitter.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace {

using namespace kindred;
using namespace kindred::text;

/// All bytes as tokens and no merge, with normal form C.
std::shared_ptr<Tokenizer> bytes_only() {
  std::string json = R"({"normalizer": {"type": "NFC"}, "pre_tokenizer": {"type": "ByteLevel",
    "add_prefix_space": false}, "decoder": {"type": "ByteLevel"},
    "model": {"merges": [], "vocab": {)";
  for (int byte = 0; byte < 256; ++byte) {
    std::string token = to_byte_level(std::string(1, static_cast<char>(byte)));
    if (token == "\"" || token == "\\") token = "\\" + token;
    json += (byte > 0 ? ",\"" : "\"") + token + "\":" + std::to_string(byte);
  }
  return Tokenizer::from_json(json + "}}}", "bytes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto tokenizer = bytes_only();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string text = sanitize_utf8(input);
  if (!is_utf8(text)) __builtin_trap();
  using Kind = SplitRule::Kind;
  for (const SplitRule rule :
       {SplitRule{Kind::gpt2}, SplitRule{Kind::cl100k, 1}, SplitRule{Kind::cl100k, 3},
        SplitRule{Kind::digit}, SplitRule{Kind::digits}, SplitRule{Kind::whole}}) {
    size_t total = 0;
    split_words(text, rule, [&](std::string_view word) {
      if (word.empty() || !is_utf8(word)) __builtin_trap();
      total += word.size();
    });
    if (total != text.size()) __builtin_trap();
  }
  if (tokenizer->decode(tokenizer->encode(input)) != normalize(text, NormalForm::nfc)) {
    __builtin_trap();
  }
  for (const NormalForm form : {NormalForm::nfd, NormalForm::nfkc, NormalForm::nfkd}) {
    const std::string once = normalize(text, form);
    if (!is_utf8(once)) __builtin_trap();
  }
  return 0;
}
