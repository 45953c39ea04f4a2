/* __try where only C++ has it: in members, templates, lambdas, constructors and destructors, around objects. Kernel C++
 * has no exceptions of its own: an object's destructor runs when its scope is left, but not when an exception leaves it. */
#include <fltsim/cmocka.h>

#include <string.h>

static char passed[128];

static void pass(const char *text) { strcat(passed, text); }

class Watched {
public:
    explicit Watched(const char *name) : name(name) { pass("+"); }
    ~Watched() { pass(name); }

private:
    const char *name;
};

struct Parser {
    int depth = 0;
    NTSTATUS last = STATUS_SUCCESS;

    virtual int read(volatile int *from)
    {
        int value = -1;
        __try {
            depth++;
            value = *from;
        } __except (note(GetExceptionCode())) {
            pass("h");
        }
        return value;
    }

    int note(NTSTATUS status)
    {
        last = status;
        return status == STATUS_ACCESS_VIOLATION ? EXCEPTION_EXECUTE_HANDLER : EXCEPTION_CONTINUE_SEARCH;
    }

    virtual ~Parser() {}
};

struct Cautious : Parser {
    int read(volatile int *from) override
    {
        __try {
            return Parser::read(from);
        } __finally {
            pass(AbnormalTermination() ? "f!" : "f");
        }
        return 0;
    }
};

static void members_catch_faults(void)
{
    int good = 7;
    Cautious cautious;
    Parser &parser = cautious;
    passed[0] = 0;
    assert_int_equal(parser.read(&good), 7);
    assert_string_equal(passed, "f!");
    passed[0] = 0;
    assert_int_equal(parser.read(reinterpret_cast<volatile int *>(8)), -1);
    assert_int_equal(parser.last, STATUS_ACCESS_VIOLATION);
    assert_int_equal(parser.depth, 2);
    assert_string_equal(passed, "hf!");
    assert_int_equal(fltsim_seh_depth(), 0);
}

template <typename T> static T guarded(T first, T second, NTSTATUS status)
{
    T value = first;
    __try {
        value = second;
        if (status)
            ExRaiseStatus(status);
        value = T();
    } __except (GetExceptionCode() == status) {
        pass("h");
    }
    return value;
}

static void templates_keep_changed_locals(void)
{
    passed[0] = 0;
    assert_int_equal(guarded<int>(1, 2, STATUS_ACCESS_DENIED), 2);
    assert_int_equal(guarded<int>(1, 2, STATUS_SUCCESS), 0);
    assert_true(guarded<ULONGLONG>(1, 1ull << 40, STATUS_ACCESS_DENIED) == 1ull << 40);
    assert_true(guarded<double>(1.5, 2.5, STATUS_ACCESS_DENIED) == 2.5);
    assert_string_equal(passed, "hhh");
}

static void lambdas_raise_and_catch(void)
{
    int steps = 0;
    auto raise = [&](NTSTATUS status) {
        steps++;
        ExRaiseStatus(status);
    };
    auto attempt = [&]() -> NTSTATUS {
        int before = 0;
        __try {
            before = steps + 10;
            raise(STATUS_IO_TIMEOUT);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            steps += before;
            return GetExceptionCode();
        }
        return STATUS_SUCCESS;
    };
    assert_int_equal(attempt(), STATUS_IO_TIMEOUT);
    assert_int_equal(steps, 11);
    assert_int_equal(fltsim_seh_depth(), 0);
}

enum way { FALLS, LEAVES, RETURNS, BREAKS, CONTINUES, JUMPS, RAISES };

static int leave_by(enum way way)
{
    for (int turn = 0; turn < 2; turn++) {
        __try {
            Watched outer("o");
            __try {
                Watched inner("i");
                switch (way) {
                case LEAVES: __leave;
                case RETURNS: return 10 + turn;
                case BREAKS: goto broken; /* break would leave the switch */
                case JUMPS: goto out;
                case RAISES: ExRaiseStatus(STATUS_CANCELLED);
                default: break;
                }
                if (way == CONTINUES)
                    continue;
            } __finally {
                pass(AbnormalTermination() ? "f!" : "f");
            }
            pass("-");
        } __except (GetExceptionCode() == STATUS_CANCELLED) {
            pass("h");
            break;
        }
        pass("|");
    }
broken:
    return 1;
out:
    return 2;
}

static void objects_end_when_their_scope_is_left(void)
{
    static const struct {
        enum way way;
        int result;
        const char *blocks;
    } rows[] = {
        {FALLS, 1, "++if-o|++if-o|"},
        {LEAVES, 1, "++if-o|++if-o|"},
        {RETURNS, 10, "++if!o"},
        {BREAKS, 1, "++if!o"},
        {CONTINUES, 1, "++if!o++if!o"},
        {JUMPS, 2, "++if!o"},
        {RAISES, 1, "++f!h"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        passed[0] = 0;
        assert_int_equal(leave_by(rows[i].way), rows[i].result);
        assert_string_equal(passed, rows[i].blocks);
        assert_int_equal(fltsim_seh_depth(), 0);
    }
}

struct Large {
    int values[16];
    explicit Large(int first) : values{first} {}
};

static Large make_large(volatile int *address)
{
    __try {
        __try {
            return Large(*address);
        } __finally {
            pass(AbnormalTermination() ? "f!" : "f");
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        pass("h");
    }
    return Large(-1);
}

static void objects_are_returned_out_of_a_body(void)
{
    int good = 5;
    passed[0] = 0;
    assert_int_equal(make_large(&good).values[0], 5);
    assert_int_equal(make_large(reinterpret_cast<int *>(16)).values[0], -1);
    assert_string_equal(passed, "f!f!h");
}

class Opened {
public:
    explicit Opened(NTSTATUS wanted) : status(STATUS_SUCCESS)
    {
        __try {
            if (wanted)
                ExRaiseStatus(wanted);
            pass("c");
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            status = GetExceptionCode();
        }
    }
    ~Opened()
    {
        __try {
            ExRaiseAccessViolation();
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            pass("d");
        }
    }
    NTSTATUS status;
};

static void constructors_and_destructors_catch(void)
{
    passed[0] = 0;
    {
        Opened good(STATUS_SUCCESS), bad(STATUS_SHARING_VIOLATION);
        assert_int_equal(good.status, STATUS_SUCCESS);
        assert_int_equal(bad.status, STATUS_SHARING_VIOLATION);
    }
    assert_string_equal(passed, "cdd");
}

/* The destructor catches an exception of its own while an outer body is being left. */
static int return_past_a_catching_destructor(void)
{
    __try {
        Opened opened(STATUS_SUCCESS);
        return 3;
    } __finally {
        pass(AbnormalTermination() ? "f!" : "f");
    }
    return 0;
}

static void a_destructor_catches_on_the_way_out(void)
{
    passed[0] = 0;
    assert_int_equal(return_past_a_catching_destructor(), 3);
    assert_string_equal(passed, "cdf!");
    assert_int_equal(fltsim_seh_depth(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(members_catch_faults),
        fltsim_unit_test(templates_keep_changed_locals),
        fltsim_unit_test(lambdas_raise_and_catch),
        fltsim_unit_test(objects_end_when_their_scope_is_left),
        fltsim_unit_test(objects_are_returned_out_of_a_body),
        fltsim_unit_test(constructors_and_destructors_catch),
        fltsim_unit_test(a_destructor_catches_on_the_way_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
