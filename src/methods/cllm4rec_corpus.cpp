#include "methods/cllm4rec_corpus.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/random.h"
#include "core/strings.h"

namespace kindred::methods {
namespace {

using prompt::Slot;
using prompt::SlotShape;

const std::vector<Slot>& slots() {
  static const std::vector<Slot> list = {{"user", SlotShape::one, user_slot},
                                         {"item", SlotShape::one, item_slot},
                                         {"items", SlotShape::many, item_slot},
                                         {"text", SlotShape::words, 0}};
  return list;
}

// Compiles a prompt that must use exactly the slots `wanted`; one that ends in its main text when
// `main` names it.
prompt::Template compile(const char* name, const std::string& text, const prompt::Encode& encode,
                         std::span<const char* const> wanted, bool ends_in_main) {
  prompt::Template form(text, slots(), encode);
  const std::string where = cat("cllm4rec.prompts.", name);
  for (const char* slot : wanted) {
    if (form.slot(slot) < 0) {
      throw Error(Exit::config, where, cat("got '", text, "', expected it to hold <", slot, ">"));
    }
  }
  for (const Slot& slot : form.slots()) {
    if (std::find(wanted.begin(), wanted.end(), slot.name) == wanted.end()) {
      throw Error(Exit::config, where, cat("got '", text, "', expected no <", slot.name, "> here"));
    }
  }
  const prompt::Template::Part& last = form.parts().back();
  const bool in_main =
      last.slot >= 0 && form.slots()[static_cast<size_t>(last.slot)].shape != SlotShape::one;
  if (ends_in_main && (!in_main || form.parts().size() == 1)) {
    throw Error(Exit::config, where,
                cat("got '", text, "', expected words and slots, then the main text at the end"));
  }
  return form;
}

std::string with_column(std::string text, const std::string& column) {
  const std::string marker = "<column>";
  for (size_t at; (at = text.find(marker)) != std::string::npos;) {
    text.replace(at, marker.size(), column);
  }
  return text;
}

}  // namespace

Cllm4RecForms::Cllm4RecForms(const Cllm4RecPrompts& prompts,
                             const std::vector<std::string>& item_columns, prompt::Encode encoder)
    : encode(std::move(encoder)),
      interactions(
          compile("interactions", prompts.interactions, encode, std::array{"user", "items"}, true)),
      recommend(
          compile("recommend", prompts.recommend, encode, std::array{"user", "items"}, false)),
      review(compile("review", prompts.review, encode, std::array{"user", "item", "text"}, true)),
      user_text(compile("user_text", prompts.user_text, encode, std::array{"user", "text"}, true)) {
  for (const std::string& column : item_columns) {
    item_texts.push_back(compile("item_text", with_column(prompts.item_text, column), encode,
                                 std::array{"item", "text"}, true));
  }
}

std::vector<std::string> chosen_columns(const std::optional<std::vector<std::string>>& chosen,
                                        const std::vector<std::string>& present,
                                        const std::string& where) {
  if (!chosen) return present;
  for (const std::string& name : *chosen) {
    if (std::find(present.begin(), present.end(), name) == present.end()) {
      throw Error(Exit::config, where,
                  cat("got '", name, "'", suggestion(name, present), ", expected one of: ",
                      present.empty() ? "(the dataset has none)" : join(present, ", ")));
    }
  }
  return *chosen;
}

ContentCorpus::ContentCorpus(std::shared_ptr<const data::Dataset> data,
                             const Cllm4RecOptions& options, const Cllm4RecForms& forms)
    : data_(std::move(data)), item_documented_(static_cast<size_t>(data_->item_count()), 0) {
  if (options.reviews && data_->train_reviews() != nullptr) {
    add({Kind::review, data_->train_reviews(), &forms.review, {}});
  }
  const std::vector<std::string> item_columns =
      chosen_columns(options.item_texts, data_->item_text_columns(), "cllm4rec.item_texts");
  for (size_t c = 0; c < item_columns.size(); ++c) {
    add({Kind::item, data_->item_text(item_columns[c]), &forms.item_texts[c], {}});
  }
  for (const std::string& column :
       chosen_columns(options.user_texts, data_->user_text_columns(), "cllm4rec.user_texts")) {
    add({Kind::user, data_->user_text(column), &forms.user_text, {}});
  }
}

void ContentCorpus::add(Source source) {
  const data::InteractionTable& train = data_->part(data::Part::train);
  for (int64_t row = 0; row < source.column->rows(); ++row) {
    if (!source.column->has(row)) continue;
    source.rows.push_back(static_cast<int32_t>(row));
    const size_t r = static_cast<size_t>(row);
    if (source.kind == Kind::user) continue;
    item_documented_[source.kind == Kind::item ? r : static_cast<size_t>(train.item[r])] = 1;
  }
  size_ += static_cast<int64_t>(source.rows.size());
  sources_.push_back(std::move(source));
}

ContentCorpus::Document ContentCorpus::get(int64_t number) const {
  for (const Source& source : sources_) {
    const int64_t count = static_cast<int64_t>(source.rows.size());
    if (number >= count) {
      number -= count;
      continue;
    }
    const int32_t row = source.rows[static_cast<size_t>(number)];
    Document document{source.form, -1, -1, source.column->get(row)};
    if (source.kind == Kind::review) {
      const data::InteractionTable& train = data_->part(data::Part::train);
      document.user = train.user[static_cast<size_t>(row)];
      document.item = train.item[static_cast<size_t>(row)];
    } else {
      (source.kind == Kind::item ? document.item : document.user) = row;
    }
    return document;
  }
  throw Error(Exit::internal, "cllm4rec", "a document beyond the corpus was asked for");
}

Visits::Visits(std::vector<int64_t> documents, Options options)
    : documents_(std::move(documents)), options_(std::move(options)) {}

int64_t Visits::steps() const {
  const int64_t count = static_cast<int64_t>(documents_.size());
  return std::max<int64_t>(1, (count + options_.batch_size - 1) / options_.batch_size);
}

std::vector<int64_t> Visits::ordered(int64_t epoch) const {
  Random random(options_.seed, options_.stream, {static_cast<uint64_t>(epoch)});
  std::vector<int64_t> order = documents_;
  random.shuffle(order);
  if (options_.lengths.empty()) return order;
  // Sorted by length within windows of 50 batches, so that batches are alike in length and an epoch
  // stays random; then the batches are shuffled.
  const size_t size = static_cast<size_t>(options_.batch_size), window = 50 * size;
  for (size_t begin = 0; begin < order.size(); begin += window) {
    std::sort(order.begin() + static_cast<int64_t>(begin),
              order.begin() + static_cast<int64_t>(std::min(begin + window, order.size())),
              [&](int64_t a, int64_t b) {
                const int32_t x = options_.lengths[static_cast<size_t>(a)];
                const int32_t y = options_.lengths[static_cast<size_t>(b)];
                return x != y ? x < y : a < b;
              });
  }
  // The last batch may be smaller; it stays last so that every other batch keeps its size.
  std::vector<size_t> batches(order.size() / size);
  std::iota(batches.begin(), batches.end(), size_t{0});
  random.shuffle(batches);
  std::vector<int64_t> result;
  for (const size_t b : batches) {
    result.insert(result.end(), order.begin() + static_cast<int64_t>(b * size),
                  order.begin() + static_cast<int64_t>((b + 1) * size));
  }
  result.insert(result.end(), order.begin() + static_cast<int64_t>(batches.size() * size),
                order.end());
  return result;
}

std::vector<int64_t> Visits::at(int64_t epoch, int64_t step) const {
  check(step >= 0 && step < steps(), "a step of the epoch");
  const std::lock_guard lock(mutex_);
  if (order_of_ != epoch) {
    order_ = ordered(epoch);
    order_of_ = epoch;
  }
  const int64_t begin = step * options_.batch_size;
  const int64_t end =
      std::min(begin + options_.batch_size, static_cast<int64_t>(documents_.size()));
  return {order_.begin() + begin, order_.begin() + std::max(begin, end)};
}

}  // namespace kindred::methods
