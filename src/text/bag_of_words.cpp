#include "text/bag_of_words.h"

#include <utf8proc.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "core/utf8.h"
#include "text/unicode.h"

namespace kindred::text {

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    const CharClass kind = char_class(point.value);
    if (kind == CharClass::letter || kind == CharClass::number) {
      append_utf8(word, static_cast<char32_t>(utf8proc_tolower(static_cast<int32_t>(point.value))));
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
    at += point.length;
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

bool is_stop_word(std::string_view word) {
  // Articles, pronouns, prepositions, conjunctions, auxiliaries, and the halves of contractions.
  static const std::unordered_set<std::string_view> list = {
      "about",  "above", "after",   "again",   "all",     "also",   "am",      "an",
      "and",    "any",   "are",     "aren",    "as",      "at",     "be",      "been",
      "before", "being", "below",   "between", "both",    "but",    "by",      "can",
      "cannot", "could", "couldn",  "did",     "didn",    "do",     "does",    "doesn",
      "doing",  "don",   "down",    "during",  "each",    "either", "else",    "ever",
      "every",  "few",   "for",     "from",    "further", "get",    "got",     "had",
      "hadn",   "has",   "hasn",    "have",    "haven",   "having", "he",      "her",
      "here",   "hers",  "him",     "himself", "his",     "how",    "however", "if",
      "in",     "into",  "is",      "isn",     "it",      "its",    "itself",  "just",
      "ll",     "may",   "me",      "might",   "mine",    "more",   "most",    "much",
      "must",   "my",    "myself",  "neither", "no",      "nor",    "not",     "now",
      "of",     "off",   "on",      "once",    "one",     "only",   "onto",    "or",
      "other",  "our",   "ours",    "out",     "over",    "own",    "per",     "rather",
      "re",     "same",  "shall",   "she",     "should",  "since",  "so",      "some",
      "such",   "than",  "that",    "the",     "their",   "theirs", "them",    "then",
      "there",  "these", "they",    "this",    "those",   "though", "through", "thus",
      "to",     "too",   "under",   "until",   "up",      "upon",   "us",      "ve",
      "very",   "via",   "was",     "wasn",    "we",      "were",   "weren",   "what",
      "when",   "where", "whether", "which",   "while",   "who",    "whom",    "whose",
      "why",    "will",  "with",    "within",  "without", "won",    "would",   "wouldn",
      "yet",    "you",   "your",    "yours",   "yourself"};
  return list.contains(word);
}

void BagOfWordsBuilder::add(int64_t document, std::string_view text) {
  auto& counts = counts_[static_cast<size_t>(document)];
  for (std::string& spelled : split_words(text)) {
    const auto [found, fresh] =
        numbers_.try_emplace(spelled, static_cast<int32_t>(spelled_.size()));
    if (fresh) {
      spelled_.push_back(std::move(spelled));
      words_.emplace_back();
    }
    Word& word = words_[static_cast<size_t>(found->second)];
    if (++counts[found->second] == 1) ++word.documents;
    word.total += 1;
  }
}

double BagOfWordsBuilder::inverse_frequency(size_t word) const {
  return std::log(static_cast<double>(counts_.size()) /
                  static_cast<double>(words_[word].documents));
}

std::vector<int32_t> BagOfWordsBuilder::choose(const BagOfWordsOptions& options,
                                               std::vector<std::string>& words) const {
  const double most = options.max_document_share * static_cast<double>(counts_.size());
  std::vector<int32_t> kept;
  for (size_t w = 0; w < words_.size(); ++w) {
    const auto documents = words_[w].documents;
    if (documents < options.min_documents || static_cast<double>(documents) > most) continue;
    if (options.stop_words && (spelled_[w].size() < 2 || is_stop_word(spelled_[w]))) continue;
    kept.push_back(static_cast<int32_t>(w));
  }
  std::vector<double> telling(words_.size());
  for (const int32_t w : kept) telling[w] = words_[w].total * inverse_frequency(w);
  std::sort(kept.begin(), kept.end(), [&](int32_t a, int32_t b) {
    return telling[a] != telling[b] ? telling[a] > telling[b] : spelled_[a] < spelled_[b];
  });
  kept.resize(std::min(kept.size(), static_cast<size_t>(options.vocabulary)));
  std::vector<int32_t> columns(words_.size(), -1);
  for (const int32_t w : kept) {
    columns[w] = static_cast<int32_t>(words.size());
    words.push_back(spelled_[w]);
  }
  return columns;
}

BagOfWords BagOfWordsBuilder::build(const BagOfWordsOptions& options) const {
  BagOfWords bags;
  const std::vector<int32_t> columns = choose(options, bags.words);
  std::vector<std::pair<int32_t, float>> row;
  for (const auto& counts : counts_) {
    row.clear();
    float largest = 0;
    for (const auto& [word, count] : counts) {
      if (columns[word] < 0) continue;
      double value = options.weighting == "binary" ? 1.0 : count;
      if (options.weighting == "tf-idf") value *= inverse_frequency(word);
      row.emplace_back(columns[word], static_cast<float>(value));
      largest = std::max(largest, row.back().second);
    }
    std::sort(row.begin(), row.end());
    for (const auto& [column, value] : row) {
      if (value <= 0) continue;  // tf-idf of a word that is in every document
      bags.columns.push_back(column);
      bags.values.push_back(value / largest);
    }
    bags.offsets.push_back(static_cast<int64_t>(bags.columns.size()));
  }
  return bags;
}

}  // namespace kindred::text
