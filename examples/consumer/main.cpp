// An outside program: every recommender Kindred knows, by name.
#include <kindred/kindred.h>

#include <iostream>

int main() {
  for (const kindred::model::CatalogEntry& entry : kindred::methods::catalog())
    std::cout << entry.name << ": " << entry.summary << '\n';
  std::cout << "Kindred " << KINDRED_VERSION << '\n';
}
