#pragma once
// Documents as bags of words: lower-case runs of letters and digits, a vocabulary chosen from the
// documents themselves, and weights in [0, 1].

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/options.h"

namespace kindred::text {

/// The words of well-formed UTF-8: maximal runs of letters and digits, lower-cased.
std::vector<std::string> split_words(std::string_view text);

/// Whether a lower-cased word is one of the commonest English words, which say nothing of a
/// subject.
bool is_stop_word(std::string_view word);

struct BagOfWordsOptions {
  int64_t vocabulary = 8000;
  int64_t min_documents = 2;
  double max_document_share = 0.5;
  bool stop_words = true;
  std::string weighting = "counts";

  template <class V>
  void visit(V& v) {
    v("vocabulary", vocabulary, "words kept at most: those with the largest summed tf-idf",
      Bounds{1, 1e7});
    v("min_documents", min_documents, "documents a word must be in at least", Bounds{1, 1e9});
    v("max_document_share", max_document_share, "share of the documents a word may be in at most",
      Bounds{0, 1});
    v("stop_words", stop_words, "leave out the commonest English words and single characters");
    v("weighting", weighting,
      "of a document's words, its largest scaled to 1: counts, binary or tf-idf",
      Choices{{"counts", "binary", "tf-idf"}});
  }
};

/// Documents in compressed rows over a vocabulary.
struct BagOfWords {
  std::vector<std::string> words;   ///< the vocabulary, most telling first
  std::vector<int64_t> offsets{0};  ///< [documents + 1]
  std::vector<int32_t> columns;     ///< [nnz], ascending in a row
  std::vector<float> values;        ///< [nnz], in (0, 1]

  int64_t documents() const { return static_cast<int64_t>(offsets.size()) - 1; }
};

/// Counts words of documents that may come in pieces and in any order.
class BagOfWordsBuilder {
 public:
  explicit BagOfWordsBuilder(int64_t documents) : counts_(static_cast<size_t>(documents)) {}
  /// Adds a text to a document.
  void add(int64_t document, std::string_view text);
  BagOfWords build(const BagOfWordsOptions& options) const;

 private:
  struct Word {
    int64_t documents = 0;
    double total = 0;  ///< occurrences in all documents
  };
  /// For every word its column in the vocabulary or -1; fills `words`.
  std::vector<int32_t> choose(const BagOfWordsOptions& options,
                              std::vector<std::string>& words) const;
  double inverse_frequency(size_t word) const;

  std::unordered_map<std::string, int32_t> numbers_;
  std::vector<std::string> spelled_;
  std::vector<Word> words_;
  std::vector<std::unordered_map<int32_t, int32_t>> counts_;  ///< by document: word -> occurrences
};

}  // namespace kindred::text
