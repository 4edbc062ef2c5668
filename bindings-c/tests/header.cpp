// The header as C++17, and the ways in which C++ code handles what it gets.
#include "evergrant.h"

#include <cstring>
#include <memory>

struct Free {
    void operator()(evergrant_client *client) const { evergrant_client_free(client); }
    void operator()(evergrant_error *error) const { evergrant_error_free(error); }
};

int main() {
    evergrant_client *client = nullptr;
    evergrant_error *error = nullptr;
    evergrant_status status = evergrant_client_open("{}", nullptr, &client, &error);
    std::unique_ptr<evergrant_client, Free> owned_client(client);
    std::unique_ptr<evergrant_error, Free> owned_error(error);
    return status == EVERGRANT_INVALID_CONFIG && std::strstr(evergrant_error_message(error), "provider") ? 0 : 1;
}
