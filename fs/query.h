/* query/, components/NAME/similar/ and prompt.md: what is asked of the store by path. */
#ifndef PF_QUERY_H
#define PF_QUERY_H

#include "node.h"

NODE_ATTR(query_root_attr);
NODE_LOOKUP(query_root_lookup);
NODE_LIST(query_root_list);
NODE_ATTR(query_guide_attr);
NODE_RENDER(query_guide_render);
NODE_ATTR(query_attr);
NODE_LOOKUP(query_lookup);
NODE_LIST(query_list);
void query_forget(struct pf_fs *, struct node, uint64_t);
NODE_ATTR(query_link_attr);
NODE_RENDER(query_link_render);

int document_now(struct pf_fs *, struct node *, struct node_attr *, bool, pf_err *);
NODE_ATTR(document_attr);
int document_read(struct pf_fs *, struct node, int64_t, size_t, pf_text *, pf_err *);
void document_forget(struct pf_fs *, struct node, uint64_t);

NODE_ATTR(similar_attr);
NODE_LOOKUP(similar_lookup);
NODE_LIST(similar_list);
NODE_ATTR(similar_link_attr);
NODE_RENDER(similar_link_render);

/* The pattern or component that a link among the results leads to, as the target of a verdict; false: NODE is none. */
bool query_link_target(struct node node, pf_target *target);

#endif
