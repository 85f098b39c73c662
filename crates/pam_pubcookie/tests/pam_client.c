/* A PAM application as small as can be: pam_client SERVICE USER, pass phrase on standard input.
 * It asks what myproxy-server asks (pam_authenticate, then pam_acct_mgmt on the same handle) and prints
 * both answers as numbers. With "account" as third argument it leaves out pam_authenticate. */
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char pass_phrase[8192];

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
    struct pam_response *answers = calloc(count, sizeof(*answers));
    (void)data;
    for (int i = 0; i < count; i++) {
        if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
            answers[i].resp = strdup(pass_phrase);
    }
    *responses = answers;
    return PAM_SUCCESS;
}

int main(int argc, char **argv)
{
    struct pam_conv conversation = {converse, NULL};
    pam_handle_t *handle = NULL;
    int authenticated = -1, account;

    if (argc < 3 || pam_start(argv[1], argv[2], &conversation, &handle) != PAM_SUCCESS)
        return 2;
    pass_phrase[fread(pass_phrase, 1, sizeof(pass_phrase) - 1, stdin)] = '\0';
    if (argc < 4)
        authenticated = pam_authenticate(handle, 0);
    account = pam_acct_mgmt(handle, 0);
    pam_end(handle, account);
    printf("%d %d\n", authenticated, account);
    return 0;
}
