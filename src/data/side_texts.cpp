#include "data/side_texts.h"

#include <algorithm>

#include "data/utf8.h"

namespace kindred::data {

SideTexts::SideTexts(const IdMap& ids, std::vector<uint8_t> wanted, const RawOptions& options,
                     const std::filesystem::path& spill)
    : ids_(ids),
      wanted_(std::move(wanted)),
      seen_(wanted_.size(), 0),
      max_text_(options.max_text_bytes),
      replacement_(options.replace_id_spaces),
      spill_(spill) {}

bool SideTexts::begin(std::string_view id) {
  std::string buffer;
  const auto found = ids_.find(replacement_ ? with_blanks_replaced(id, *replacement_, buffer) : id);
  const bool want = found && wanted_[static_cast<size_t>(*found)];
  if (!want) {
    ++unwanted_;
    return false;
  }
  current_ = *found;
  uint8_t& seen = seen_[static_cast<size_t>(current_)];
  matched_ += !seen;
  seen = 1;
  return true;
}

void SideTexts::text(std::string_view column, std::string_view text) {
  if (text.empty()) return;
  auto name = std::find(names_.begin(), names_.end(), column);
  if (name == names_.end()) {
    names_.emplace_back(column);
    entries_.emplace_back(wanted_.size(), -1);
    name = names_.end() - 1;
  }
  int64_t& entry =
      entries_[static_cast<size_t>(name - names_.begin())][static_cast<size_t>(current_)];
  if (entry >= 0) return;
  if (text.size() > static_cast<size_t>(max_text_)) {
    text = utf8_prefix(text, static_cast<size_t>(max_text_));
    ++cut_;
  }
  entry = static_cast<int64_t>(spill_.rows());
  spill_.add(text);
}

std::string_view SideTexts::get(size_t column, Index id) {
  const int64_t entry = entries_[column][static_cast<size_t>(id)];
  return entry < 0 ? std::string_view() : spill_.get(static_cast<uint64_t>(entry));
}

}  // namespace kindred::data
