#pragma once
// What belongs to a Hugging Face folder: a model's or an adapter's configuration, weights and
// tokenizer.

#include <filesystem>
#include <string>

namespace kindred::lm {

/// Whether a file says what a model or an adapter computes: configurations, weights, tokenizers.
bool belongs_to_model(const std::filesystem::path& file);

/// Whether a file is weights, or says in which files they are.
bool is_weights(const std::filesystem::path& file);

/// A hash of names and contents of all files of a folder that belong to its model.
std::string model_fingerprint(const std::filesystem::path& folder);

/// Puts the files of a model into another folder, which is made, `weights` or not: as hard links
/// where the file system has them, else as copies. Nothing where both are the same folder.
void copy_model(const std::filesystem::path& from, const std::filesystem::path& to, bool weights);

/// Copies what a tokenizer consists of, with its settings, into another folder, which is there.
void copy_tokenizer(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace kindred::lm
