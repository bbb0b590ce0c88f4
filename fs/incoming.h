/* incoming/: files as people drop them, their receipts and errors. Content being written is in draft.h. */
#ifndef PF_INCOMING_H
#define PF_INCOMING_H

#include "node.h"

NODE_ATTR(file_attr);
NODE_LOOKUP(file_lookup);
NODE_LIST(file_list);
int file_read(struct pf_fs *, struct node, int64_t, size_t, pf_text *, pf_err *);
int file_write(struct pf_fs *, struct node, const char *, size_t, int64_t, struct change *, pf_err *);
int file_truncate(struct pf_fs *, struct node, int64_t, bool, pf_err *);
int file_setattr(struct pf_fs *, struct node, unsigned, const pf_file *, struct change *, pf_err *);
int file_flush(struct pf_fs *, struct node, struct change *, pf_err *);
int file_fsync(struct pf_fs *, struct node, struct change *, pf_err *);
int file_make(struct pf_fs *, struct node, const char *, mode_t, struct change *, pf_err *);
int file_remove(struct pf_fs *, struct node, const char *, bool, struct change *, pf_err *);
int file_rename(struct pf_fs *, struct node, const char *, struct node, const char *, unsigned, struct change *,
		pf_err *);
NODE_ATTR(note_attr);
NODE_RENDER(note_render);

/* The attributes of a file just made. */
void file_attr_fill(const pf_file *file, struct node_attr *attr);
/* Fills CHANGE to make the implicit directory NAME (category=ml) below DIR. */
void file_make_implicit(struct node dir, const char *name, struct change *change);

#endif
