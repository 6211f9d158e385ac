#pragma once
// What `tokenizer.json` calls the normalizer: changes to the text before it is split.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "text/clean_up.h"
#include "text/json_node.h"
#include "text/unicode.h"

namespace kindred::text {

/// A chain of changes: normal forms, replacements, lower case, BERT's clean-up and the like.
class Normalizer {
 public:
  /// Reads the `normalizer` of a `tokenizer.json`. Throws `bad_data` naming a kind that is not
  /// known.
  static Normalizer of_json(const JsonNode& node);
  static Normalizer of_form(NormalForm form);
  static Normalizer of_bert(const BertCleanUp& clean_up);

  static Normalizer of_function(std::function<std::string(std::string)> function);

  bool empty() const { return steps_.empty(); }
  /// What of a text may change: nothing but the form of its characters; or spaces only, which
  /// become U+2581, with one more in front (as LLaMA's `tokenizer.json` has it).
  bool only_forms() const { return kind_ == Kind::forms; }
  bool only_space_marks() const { return kind_ == Kind::space_marks; }
  std::string apply(std::string_view text) const;

 private:
  using Step = std::function<std::string(std::string)>;
  enum class Kind : uint8_t { forms, space_in_front, space_marks, other };

  static void read(const JsonNode& node, int depth, Normalizer& result);
  /// The kind with one more step of a file.
  Kind kind_with(const JsonNode& step) const;

  std::vector<Step> steps_;
  Kind kind_ = Kind::forms;
};

}  // namespace kindred::text
