#include "prompt/packed_prompts.h"

#include <algorithm>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::prompt {

// Writes one prompt behind those there are, again where it has to be shorter.
class PackedPrompts::Writer {
 public:
  Writer(PackedPrompts& to, const Template& form, std::span<const Filling> fillings)
      : ids_(to.ids_), kinds_(to.kinds_), form_(form), fillings_(fillings), begin_(to.tokens()) {
    check(fillings.size() == form.slots().size(), "one filling a slot");
    for (size_t i = 0; i < fillings.size(); ++i) full_.push_back(full_size(static_cast<int>(i)));
    keep_ = full_;
  }

  // The prompt in at most `limit` tokens if that can be; false where it cannot.
  bool write_within(int64_t limit) {
    write();
    for (const int slot : form_.gives_way()) {
      if (length() <= limit) return true;
      shorten(static_cast<size_t>(slot), limit);
      write();
    }
    return length() <= limit;
  }
  int64_t length() const { return static_cast<int64_t>(ids_.size()) - begin_; }

  void remove() {
    ids_.resize(static_cast<size_t>(begin_));
    kinds_.resize(ids_.size());
  }

  Placed placed() const {
    Placed result{begin_, begin_ + length(), landings_};
    for (size_t i = 0; i < full_.size(); ++i) {
      result.slots[i].cut = static_cast<int64_t>(full_[i] - keep_[i]);
    }
    return result;
  }

 private:
  const Slot& slot(int number) const { return form_.slots()[static_cast<size_t>(number)]; }

  size_t full_size(int number) const;
  size_t entries(int list) const;
  void shorten(size_t slot, int64_t limit);
  std::string_view kept_text(int number) const;

  void write();
  void write_part(const Template::Part& part);
  void write_slot(int number);
  void write_entries(int list);
  void write_tokens(int number, std::span<const int32_t> rows, int kind);
  void flush(bool before_slot);

  std::vector<int32_t>& ids_;
  std::vector<int>& kinds_;
  const Template& form_;
  std::span<const Filling> fillings_;
  int64_t begin_;
  std::vector<size_t> full_, keep_;  // by slot: entries, rows, words or bytes
  std::vector<Landing> landings_;
  Line line_;
  bool first_ = true, after_slot_ = false;  // of the line
};

size_t PackedPrompts::Writer::full_size(int number) const {
  const Filling& filling = fillings_[static_cast<size_t>(number)];
  switch (slot(number).shape) {
    case SlotShape::list:
      return entries(number);
    case SlotShape::text:
      return filling.text.size();
    default:
      return filling.rows.size();
  }
}

size_t PackedPrompts::Writer::entries(int list) const {
  size_t count = 0;
  bool first = true;
  for (const Template::Part& part : form_.entry(list)) {
    if (part.slot < 0) continue;
    const Filling& filling = fillings_[static_cast<size_t>(part.slot)];
    const size_t own =
        slot(part.slot).shape == SlotShape::text ? filling.texts.size() : filling.rows.size();
    check(first || own == count, "something for each slot of each entry");
    count = own;
    first = false;
  }
  return count;
}

// How much of the slot may stay: exact where each of its entries is a token, else by halving, as
// lengths of texts are known only once they are tokenised.
void PackedPrompts::Writer::shorten(size_t number, int64_t limit) {
  size_t& keep = keep_[number];
  const SlotShape shape = slot(static_cast<int>(number)).shape;
  if (shape == SlotShape::many || shape == SlotShape::words) {
    keep -= std::min(keep, static_cast<size_t>(length() - limit));
    return;
  }
  size_t fits = 0, over = keep;
  while (over - fits > 1) {
    keep = fits + (over - fits) / 2;
    write();
    (length() <= limit ? fits : over) = keep;
  }
  keep = fits;
  if (shape == SlotShape::text) keep = kept_text(static_cast<int>(number)).size();
}

// A text's beginning, of whole code points.
std::string_view PackedPrompts::Writer::kept_text(int number) const {
  const std::string_view text = fillings_[static_cast<size_t>(number)].text;
  size_t keep = keep_[static_cast<size_t>(number)];
  while (keep > 0 && keep < text.size() && (text[keep] & 0xC0) == 0x80) --keep;
  return text.substr(0, keep);
}

void PackedPrompts::Writer::write() {
  remove();
  landings_.assign(full_.size(), {});
  first_ = true;
  after_slot_ = false;
  for (const Template::Part& part : form_.parts()) {
    if (part.slot < 0) {
      write_part(part);
    } else {
      write_slot(part.slot);
    }
  }
  flush(false);
}

// Words of a line, or ids: of a special token, or of a segment that touches no line.
void PackedPrompts::Writer::write_part(const Template::Part& part) {
  if (!part.words.empty()) return line_.add_words(part.words);
  flush(false);
  ids_.insert(ids_.end(), part.ids.begin(), part.ids.end());
  kinds_.resize(ids_.size(), word);
  after_slot_ = false;
  first_ = first_ && part.special;
}

void PackedPrompts::Writer::write_slot(int number) {
  const Slot& own = slot(number);
  const std::span<const int32_t> rows = fillings_[static_cast<size_t>(number)].rows;
  const size_t keep = keep_[static_cast<size_t>(number)];
  switch (own.shape) {
    case SlotShape::one:
      check(rows.size() == 1, "a single slot takes one row");
      return write_tokens(number, rows, own.kind);
    case SlotShape::many:
      return write_tokens(number, rows.last(keep), own.kind);
    case SlotShape::words:
      return write_tokens(number, rows.first(keep), word);
    case SlotShape::text:
      return line_.add_text(kept_text(number));
    case SlotShape::list:
      return write_entries(number);
    case SlotShape::special:
      break;  // is a part without a slot
  }
}

void PackedPrompts::Writer::write_entries(int list) {
  const size_t full = full_[static_cast<size_t>(list)], keep = keep_[static_cast<size_t>(list)];
  if (keep == 0) line_.add_words(slot(list).empty);
  for (size_t e = full - keep; e < full; ++e) {
    if (e > full - keep) line_.add_words(slot(list).separator);
    for (const Template::Part& part : form_.entry(list)) {
      if (part.slot < 0) {
        write_part(part);
      } else if (slot(part.slot).shape == SlotShape::text) {
        line_.add_text(fillings_[static_cast<size_t>(part.slot)].texts[e]);
      } else {
        write_tokens(part.slot, fillings_[static_cast<size_t>(part.slot)].rows.subspan(e, 1),
                     slot(part.slot).kind);
      }
    }
  }
}

void PackedPrompts::Writer::write_tokens(int number, std::span<const int32_t> rows, int kind) {
  flush(true);
  Landing& landing = landings_[static_cast<size_t>(number)];
  const auto at = static_cast<int64_t>(ids_.size());
  if (landing.begin < 0) landing.begin = at;
  ids_.insert(ids_.end(), rows.begin(), rows.end());
  kinds_.resize(ids_.size(), kind);
  landing.end = static_cast<int64_t>(ids_.size());
  after_slot_ = true;
  first_ = false;
}

void PackedPrompts::Writer::flush(bool before_slot) {
  if (line_.empty()) return line_.clear();
  form_.append(line_, {first_, after_slot_, before_slot}, ids_);
  line_.clear();
  kinds_.resize(ids_.size(), word);
  first_ = after_slot_ = false;
}

bool Placed::is_cut() const {
  return std::ranges::any_of(slots, [](const Landing& landing) { return landing.cut > 0; });
}

Placed PackedPrompts::add(const Template& form, std::span<const Filling> fillings, int64_t limit) {
  const std::string where = cat("prompt '", form.text(), "'");
  if (form.fixed_length() > limit) {
    throw Error(Exit::config, where,
                cat("got ", form.fixed_length(), " tokens without what fills it, expected at most ",
                    limit, ", the context of the backbone; shorten the prompt"));
  }
  Writer writer(*this, form, fillings);
  if (!writer.write_within(limit)) {
    const int64_t length = writer.length();
    writer.remove();
    throw Error(Exit::bad_data, where,
                cat("got ", length, " tokens of what may not be cut, expected at most ", limit,
                    ", the context of the backbone; shorten the texts, or name their slots in "
                    "gives_way"));
  }
  finish_prompt();
  return writer.placed();
}

void PackedPrompts::add(std::span<const int32_t> ids, std::span<const int> kinds) {
  check(ids.size() == kinds.size(), "a kind for every token");
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  kinds_.insert(kinds_.end(), kinds.begin(), kinds.end());
  finish_prompt();
}

void PackedPrompts::finish_prompt() {
  offsets_.push_back(static_cast<int64_t>(ids_.size()));
  splits_.push_back(offsets_.back());
}

void PackedPrompts::begin_main_text(int64_t begin) {
  check(!splits_.empty() && begin >= offsets_.end()[-2] && begin <= offsets_.back(),
        "a main text inside the prompt added last");
  splits_.back() = begin;
}

std::vector<int64_t> last_positions(const PackedPrompts& prompts) {
  std::vector<int64_t> positions;
  for (size_t s = 1; s < prompts.offsets().size(); ++s) {
    positions.push_back(prompts.offsets()[s] - 1);
  }
  return positions;
}

}  // namespace kindred::prompt
