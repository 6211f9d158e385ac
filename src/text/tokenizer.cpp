#include "text/tokenizer.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/strings.h"
#include "text/tokenizer_parts.h"

namespace kindred::text {

bool Tokenizer::is_in(const fs::path& folder) {
  return std::ranges::any_of(
      std::array{"tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "spiece.model"},
      [&](const char* name) { return fs::is_regular_file(folder / name); });
}

std::shared_ptr<Tokenizer> Tokenizer::load(const fs::path& folder) {
  if (!fs::is_directory(folder)) {
    throw Error(Exit::missing, folder.string(), "no such folder, expected one with a tokenizer");
  }
  const auto has = [&](const char* name) { return fs::exists(folder / name); };
  if (has("tokenizer.json")) {
    const fs::path path = folder / "tokenizer.json";
    const JsonDocument document(read_file(path, uint64_t{1} << 30), path.string());
    TokenizerParts parts = parts_of_json(document.root());
    apply_specials(read_folder_specials(folder), parts);
    return make_tokenizer(std::move(parts));
  }
  if (has("vocab.json") && has("merges.txt")) {
    return make_tokenizer(parts_of_vocab_and_merges(folder, read_folder_specials(folder)));
  }
  if (has("vocab.txt")) {
    return make_tokenizer(parts_of_vocab_txt(folder, read_folder_specials(folder)));
  }
  for (const char* name : {"tokenizer.model", "spiece.model"}) {
    if (!has(name)) continue;
    return make_tokenizer(parts_of_sentence_piece(folder / name, read_folder_specials(folder)));
  }
  if (has("vocab.json") || has("merges.txt")) {
    const char* absent = has("vocab.json") ? "merges.txt" : "vocab.json";
    throw Error(Exit::missing, folder.string(),
                cat("got no ", absent, ", expected vocab.json and merges.txt together"));
  }
  throw Error(
      Exit::missing, folder.string(),
      "got no tokenizer, expected tokenizer.json, tokenizer.model, spiece.model, vocab.txt, or "
      "vocab.json and merges.txt");
}

std::shared_ptr<Tokenizer> Tokenizer::from_json(std::string_view json, const std::string& where) {
  return make_tokenizer(parts_of_json(JsonDocument(json, where).root()));
}

}  // namespace kindred::text
