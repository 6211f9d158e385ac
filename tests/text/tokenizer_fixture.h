#pragma once
// What the tests of small tokenizers and their variants share.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "text/text_fixture.h"
#include "text/tokenizer.h"

namespace kindred::text {

/// The small tokenizer's JSON with a variant's changes, as `patched` of text_tokenizer.py makes it.
inline Fixture patched(Fixture whole, const Fixture& changes) {
  for (const auto& [key, value] : changes.items()) {
    if (key == "model") {
      whole["model"].update(value);
    } else if (key != "drop") {
      whole[key] = value;
    }
  }
  if (!changes.contains("drop")) return whole;
  const auto lacks = [&](const std::string& token) {
    return std::none_of(changes["drop"].begin(), changes["drop"].end(), [&](const Fixture& part) {
      return token.find(part.get<std::string>()) != std::string::npos;
    });
  };
  Fixture& model = whole["model"];
  std::vector<std::string> tokens(model["vocab"].size());
  for (const auto& [token, id] : model["vocab"].items()) tokens[id] = token;
  Fixture vocab = Fixture::object(), merges = Fixture::array();
  for (const std::string& token : tokens) {
    if (!lacks(token) && token[0] != '<') continue;
    const size_t id = vocab.size();
    vocab[token] = id;
  }
  for (const Fixture& merge : model["merges"]) {
    if (lacks(merge[0]) && lacks(merge[1])) merges.push_back(merge);
  }
  model["vocab"] = vocab;
  model["merges"] = merges;
  return whole;
}

/// What the tokenizer says of where texts may be cut, of awkward texts on either side.
inline void expect_parts_of_whole(const Tokenizer& tokenizer, const std::vector<std::string>& cases,
                                  const std::string& name) {
  const SpaceCut cut = tokenizer.space_cut();
  if (cut == SpaceCut::never) return;
  const EncodeOptions plain = {.add_special_tokens = false, .parse_special = false};
  for (size_t at = 0; at + 1 < cases.size(); ++at) {
    for (const std::string last : {"x", ".", "'", "\"", "5"}) {
      const std::string left = cases[at] + last, right = "s" + cases[at + 1];
      auto ids = tokenizer.encode(left, plain);
      const auto more = tokenizer.encode((cut == SpaceCut::keep ? " " : "") + right, plain);
      ids.insert(ids.end(), more.begin(), more.end());
      ASSERT_EQ(ids, tokenizer.encode(left + " " + right, plain))
          << name << ": " << left << " | " << right;
    }
  }
}

/// What `rows_of` of text_tokenizer.py gives for one text.
inline std::string rows_of(const Tokenizer& tokenizer, const std::string& text) {
  const std::vector<int32_t> ids = tokenizer.encode(text);
  const std::vector<int32_t> plain =
      tokenizer.encode(text, {.add_special_tokens = false, .parse_special = false});
  std::string rows = id_row(ids) + '\0' + id_row(plain) + '\0';
  return rows + tokenizer.decode(ids, false) + '\0' + tokenizer.decode(ids, true);
}

}  // namespace kindred::text
