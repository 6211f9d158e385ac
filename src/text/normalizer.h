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
  std::string apply(std::string_view text) const;

 private:
  using Step = std::function<std::string(std::string)>;

  static void read(const JsonNode& node, int depth, std::vector<Step>& steps);

  std::vector<Step> steps_;
};

}  // namespace kindred::text
