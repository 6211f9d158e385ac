#include "data/sorted_spill.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::data {

using detail::system_error;

namespace {

constexpr size_t write_bytes = size_t{1} << 18;
constexpr size_t least_piece = size_t{1} << 16, greatest_piece = size_t{1} << 18;
constexpr size_t prefetched = 8;  // texts ahead of the one that is copied

/// What stands before every text in the file.
struct Header {
  uint32_t key, length;
};

uint64_t paired(uint32_t high, size_t low) {
  return (uint64_t{high} << 32) | low;
}

}  // namespace

SortedSpill::SortedSpill(std::filesystem::path path, Limits limits)
    : path_(std::move(path)), limits_(limits) {}

void SortedSpill::add(uint32_t key, std::string_view text) {
  if (order_.empty()) held_.reserve(limits_.run_bytes);
  order_.push_back(paired(key, order_.size()));
  held_.append(text);
  ends_.push_back(held_.size());
  if (held_.size() + order_.size() * (sizeof order_[0] + sizeof ends_[0]) >= limits_.run_bytes)
    write_run();
}

void SortedSpill::write_run() {
  if (order_.empty()) return;
  if (!std::is_sorted(order_.begin(), order_.end())) std::sort(order_.begin(), order_.end());
  if (!file_) {
    file_ = detail::open_descriptor(path_, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (!file_) throw system_error(path_, "cannot be created");
    ::unlink(path_.c_str());  // it lives as long as it is open, whatever happens to this process
  }
  const auto begin_of = [&](size_t number) { return number == 0 ? 0 : ends_[number - 1]; };
  Run run;
  run.at = written_;
  std::string out;
  out.reserve(write_bytes * 2);
  for (size_t i = 0; i < order_.size(); ++i) {
    if (i + prefetched < order_.size())
      __builtin_prefetch(held_.data() + begin_of(order_[i + prefetched] & UINT32_MAX));
    const size_t number = order_[i] & UINT32_MAX, begin = begin_of(number);
    const Header header{static_cast<uint32_t>(order_[i] >> 32),
                        static_cast<uint32_t>(ends_[number] - begin)};
    out.append(reinterpret_cast<const char*>(&header), sizeof header);
    out.append(held_, begin, header.length);
    if (out.size() >= write_bytes) write(out), out.clear();
  }
  write(out);
  run.end = written_;
  runs_.push_back(std::move(run));
  held_.clear();
  order_.clear();
  ends_.clear();
}

void SortedSpill::write(const std::string& bytes) {
  if (!detail::write_all(file_.get(), bytes)) throw system_error(path_, "writing failed");
  written_ += bytes.size();
}

void SortedSpill::finish() {
  write_run();
  std::string().swap(held_);
  std::vector<uint64_t>().swap(order_);
  std::vector<uint64_t>().swap(ends_);
  piece_ = std::clamp(limits_.read_bytes / std::max<size_t>(1, runs_.size()), least_piece,
                      greatest_piece);
  for (size_t i = 0; i < runs_.size(); ++i)
    if (load_head(runs_[i])) heads_.push_back(paired(runs_[i].key, i));
  std::make_heap(heads_.begin(), heads_.end(), std::greater<>());
}

void SortedSpill::read_at(uint64_t place, char* into, size_t length) const {
  while (length > 0) {
    const ssize_t got = ::pread(file_.get(), into, length, static_cast<off_t>(place));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_error(path_, "reading failed");
    check(got > 0, "a spilled text lies within its file");
    into += got;
    place += static_cast<size_t>(got);
    length -= static_cast<size_t>(got);
  }
}

/// Sees to it that `needed` bytes of the run are in its buffer.
void SortedSpill::fill(Run& run, size_t needed) const {
  const size_t left = run.filled - run.begin;
  if (left >= needed) return;
  if (left > 0) std::memmove(run.buffer.data(), run.buffer.data() + run.begin, left);
  run.begin = 0;
  if (run.buffer.size() < std::max(piece_, needed)) run.buffer.resize(std::max(piece_, needed));
  const size_t more = std::min<uint64_t>(run.buffer.size() - left, run.end - run.at);
  read_at(run.at, run.buffer.data() + left, more);
  run.at += more;
  run.filled = left + more;
}

/// The record at the front of the run, whole in memory; false at the run's end.
bool SortedSpill::load_head(Run& run) const {
  if (run.begin == run.filled && run.at == run.end) {
    std::vector<char>().swap(run.buffer);
    return false;
  }
  Header header;
  fill(run, sizeof header);
  std::memcpy(&header, run.buffer.data() + run.begin, sizeof header);
  run.key = header.key;
  run.length = header.length;
  fill(run, sizeof header + header.length);
  return true;
}

/// Goes past the record given last; the run stays the current one while its keys come first.
void SortedSpill::pass_current() {
  const auto number = static_cast<size_t>(current_ - runs_.data());
  current_->begin += sizeof(Header) + current_->length;
  if (!load_head(*current_)) {
    current_ = nullptr;
    return;
  }
  const uint64_t head = paired(current_->key, number);
  if (heads_.empty() || head < heads_.front()) return;
  heads_.push_back(head);
  std::push_heap(heads_.begin(), heads_.end(), std::greater<>());
  current_ = nullptr;
}

bool SortedSpill::next(Record& record) {
  if (current_) pass_current();
  if (!current_) {
    if (heads_.empty()) return false;
    std::pop_heap(heads_.begin(), heads_.end(), std::greater<>());
    current_ = &runs_[heads_.back() & UINT32_MAX];
    heads_.pop_back();
  }
  record.key = current_->key;
  record.text = {current_->buffer.data() + current_->begin + sizeof(Header), current_->length};
  record.place = current_->at - (current_->filled - current_->begin) + sizeof(Header);
  return true;
}

void SortedSpill::read(uint64_t place, size_t length, std::string& out) const {
  out.resize(length);
  read_at(place, out.data(), length);
}

}  // namespace kindred::data
