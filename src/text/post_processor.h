#pragma once
// What `tokenizer.json` calls the post-processor: the special tokens around one text and around
// two.

#include <cstdint>
#include <optional>
#include <vector>

#include "text/json_node.h"

namespace kindred::text {

/// Special tokens around texts.
class PostProcessor {
 public:
  /// A special token, or the place of a text.
  struct Part {
    static constexpr int32_t kFirst = -1, kSecond = -2;
    int32_t id;    ///< kFirst and kSecond stand for the texts
    int32_t type;  ///< of the token or of all of the text's
  };

  /// Adds nothing; of two texts the second has type 1.
  PostProcessor() = default;
  /// The same tokens around each text.
  PostProcessor(std::vector<int32_t> prefix, std::vector<int32_t> suffix);
  /// Reads the `post_processor` of a `tokenizer.json`; ids must be below `size`. Throws `bad_data`.
  static PostProcessor of_json(const JsonNode& node, int32_t size);
  /// `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`, the second text and its end of type 1.
  static PostProcessor of_bert(int32_t cls, int32_t sep);
  /// `<s> A </s>` and `<s> A </s></s> B </s>`, all of type 0.
  static PostProcessor of_roberta(int32_t cls, int32_t sep);

  const std::vector<int32_t>& prefix() const { return prefix_; }
  const std::vector<int32_t>& suffix() const { return suffix_; }
  /// Nothing where the file does not say what stands around two texts.
  const std::optional<std::vector<Part>>& pair() const { return pair_; }

 private:
  struct Reader;

  void set_pair(std::vector<Part> pair);

  std::vector<int32_t> prefix_, suffix_;
  std::optional<std::vector<Part>> pair_{{{Part::kFirst, 0}, {Part::kSecond, 1}}};
  bool adds_ = false;
};

}  // namespace kindred::text
