#include "support/faults/resolver.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <string_view>

namespace {

int real_getaddrinfo(char const* host, char const* service, addrinfo const* hints, addrinfo** found)
{
    using function = int (*)(char const*, char const*, addrinfo const*, addrinfo**);
    static auto const real = reinterpret_cast<function>(dlsym(RTLD_NEXT, "getaddrinfo"));
    return real(host, service, hints, found);
}

} // namespace

int test::lookup::answer(char const* service, addrinfo const* hints, addrinfo** found) const
{
    asked_.open();
    when_.wait();
    for (std::string const& address : addresses_) {
        int const failed = address.empty() ? EAI_NONAME : real_getaddrinfo(address.c_str(), service, hints, found);
        if (failed != 0)
            return failed;
        while (*found != nullptr)
            found = &(*found)->ai_next;
    }
    return 0;
}

test::name_service& test::name_service::get()
{
    static name_service only;
    return only;
}

extern "C" int getaddrinfo(char const* host, char const* service, addrinfo const* hints, addrinfo** found)
{
    auto& names = test::name_service::get();
    // RFC 6761 §6.4: there is no host of such a name, whatever other tests of the program have planned.
    bool const nowhere = host != nullptr && std::string_view(host).ends_with(".invalid");
    if (!names.stands_in() || service == nullptr || nowhere)
        return real_getaddrinfo(host, service, hints, found);
    auto const port = static_cast<unsigned>(std::strtoul(service, nullptr, 10));
    return names.next(port).answer(service, hints, found);
}
