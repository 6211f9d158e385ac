#pragma once
// The two corpora of CLLM4Rec (section 3.3.1), both of training data only: each user's items, and
// the texts of users, items and reviews.

#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "methods/cllm4rec_options.h"
#include "prompt/template.h"

namespace kindred::methods {

/// Slot kinds of every CLLM4Rec prompt.
enum Cllm4RecSlot : int { user_slot = 0, item_slot = 1, slot_kinds = 2 };

/// The compiled prompts.
struct Cllm4RecForms {
  prompt::Encode encode;
  prompt::Template interactions, recommend, review, user_text;
  std::vector<prompt::Template> item_texts;  ///< one a column

  /// Throws `config` for a prompt with unknown, missing or misplaced slots.
  Cllm4RecForms(const Cllm4RecPrompts& prompts, const std::vector<std::string>& item_columns,
                prompt::Encode encode);
};

/// The content corpus: texts with the prompt, user and item each belongs to.
class ContentCorpus {
 public:
  /// Texts named by the options. `forms` must outlive the corpus.
  ContentCorpus(std::shared_ptr<const data::Dataset> data, const Cllm4RecOptions& options,
                const Cllm4RecForms& forms);

  /// One text; `user` or `item` is -1 where it has none.
  struct Document {
    const prompt::Template* form = nullptr;
    data::Index user = -1, item = -1;
    std::string text;
  };

  int64_t size() const { return size_; }
  Document get(int64_t number) const;
  /// Bytes of a document's text (reads it).
  int64_t length(int64_t number) const { return static_cast<int64_t>(get(number).text.size()); }
  /// Whether any text mentions the item: its content embedding has learned something, and may stand
  /// for an item without interactions.
  const std::vector<uint8_t>& item_documented() const { return item_documented_; }

 private:
  enum class Kind { review, item, user };
  struct Source {
    Kind kind;
    const data::TextColumn* column;
    const prompt::Template* form;
    std::vector<int32_t> rows;  // rows that have a text
  };
  void add(Source source);

  std::shared_ptr<const data::Dataset> data_;
  std::vector<Source> sources_;
  int64_t size_ = 0;
  std::vector<uint8_t> item_documented_;
};

/// The text columns the options name among those there are; throws `config` for one that is not.
std::vector<std::string> chosen_columns(const std::optional<std::vector<std::string>>& chosen,
                                        const std::vector<std::string>& present,
                                        const std::string& where);

/// Which documents each step reads: shuffled anew for every epoch from a named stream, so that any
/// step is a function of (seed, epoch, step) alone.
class Visits {
 public:
  struct Options {
    int64_t batch_size = 20;
    uint64_t seed = 1;
    std::string stream;
    std::vector<int32_t> lengths;  ///< by document: batches of like length; empty: none
  };
  Visits(std::vector<int64_t> documents, Options options);

  int64_t steps() const;
  std::vector<int64_t> at(int64_t epoch, int64_t step) const;

 private:
  std::vector<int64_t> ordered(int64_t epoch) const;

  std::vector<int64_t> documents_;
  Options options_;
  mutable std::mutex mutex_;  // a prefetching thread asks too
  mutable std::vector<int64_t> order_;
  mutable int64_t order_of_ = -1;  // the epoch of order_
};

}  // namespace kindred::methods
